//! A trunk at a carrier of another house: registered with a password, behind a proxy that stays in the path,
//! over each transport, with a caller and a responder whose softphones are of two more houses.

use std::os::unix::fs::PermissionsExt;

use crate::baresip::Baresip;
use crate::certificate::Certificate;
use crate::daemon::Daemon;
use crate::foreign::{Account, Carrier, Handset, accepts};
use crate::kamailio::{Kamailio, Manners};
use crate::linphone::Linphone;
use crate::sipp::installed;
use crate::{NUMBER, says};

const CALLER: Account = Account { number: "+4915199887766", password: "callers" };
const ANNA: Account = Account { number: "+4915111111111", password: "annas" };
/// As the carrier has it, in `kamailio.cfg`.
const PASSWORD: &str = "a secret: with \"marks\"";

fn all_installed(test: &str) -> bool {
    Kamailio::is_installed(test)
        && installed("baresip", "baresip-core", test)
        && installed("linphonec", "linphone-cli", test)
}

/// The tables of a daemon that is a customer of the carrier.
fn customer(port: u16, carrier: Carrier, certificate: &Certificate) -> (String, String) {
    let Carrier { transport, port: server } = carrier;
    let (chain, key) = (certificate.certificate.display(), certificate.key.display());
    let root = certificate.authority.display();
    let password = certificate.key.with_file_name("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let sip = format!(
        "[sip]\nlisten = [\"udp:127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\", \"tls:127.0.0.1:{}\"]\n\
         [sip.tls]\ncertificate = \"{chain}\"\nkey = \"{key}\"\n",
        port + 1
    );
    let tls = if carrier.is_secure() {
        format!("srtp = \"required\"\n[trunks.tls]\nca_file = \"{root}\"\nserver_name = \"carrier.test\"\n")
    } else {
        String::new()
    };
    let trunk = format!(
        "[[trunks]]\nname = \"carrier\"\nserver = \"{transport}:127.0.0.1:{server}\"\ndomain = \"carrier.test\"\n\
         sources = [\"127.0.0.1/32\"]\ndestinations = [\"+49*\"]\ncountry = \"49\"\nregister = true\n\
         username = \"{NUMBER}\"\nauth_username = \"trunk-7\"\npassword_file = \"{}\"\n{tls}",
        password.display()
    );
    (sip, trunk)
}

/// A carrier, two softphones and the daemon as its customer.
struct Scene {
    carrier: Kamailio,
    by: Carrier,
    certificate: Certificate,
}

impl Scene {
    fn new(transport: &'static str, manners: Manners) -> Self {
        let certificate = Certificate::issue(&["carrier.test", "127.0.0.1"]);
        let carrier = Kamailio::start(&certificate, manners);
        Self { by: carrier.by(transport), carrier, certificate }
    }

    /// One call from the first ring to the record, through everything.
    fn call(mut self, mut caller: impl Handset, mut anna: impl Handset) {
        let daemon = Daemon::start_behind(
            |port| customer(port, self.by, &self.certificate),
            &[("anna", ANNA.number)],
            ["", ""],
        );
        self.carrier.expects(&format!("REGISTERED {NUMBER} over {}", self.by.transport));
        for (phone, account) in [(&mut anna as &mut dyn Handset, ANNA), (&mut caller, CALLER)] {
            phone.registers(&account, self.by);
            self.carrier.expects(&format!("REGISTERED {} over {}", account.number, self.by.transport));
        }
        caller.dials(&format!("sip:{NUMBER}@carrier.test"));
        caller.is_connected();
        caller.presses('1');
        anna.is_rung();
        anna.picks_up();
        anna.is_connected();
        accepts(&daemon, &mut caller, &mut anna);
        anna.hangs_up();
        // The BYE to the caller is challenged, and answered.
        self.carrier.expects("WITHIN BYE authenticated as trunk-7");
        caller.is_hung_up_on();
        let record = daemon.only_call();
        assert_eq!(record["outcome"], "accepted", "{record:#}");
        assert!(says(&record, "ConfirmTargetResult", Some("anna"), "accepted with 1"), "{record:#}");
    }
}

/// Calls come to the address that was registered.
const PLAIN: Manners = Manners { reuse: false };
/// Calls come over the connection that the registration came over.
const REUSING: Manners = Manners { reuse: true };

#[test]
fn a_registered_trunk_over_udp() {
    if !all_installed("a_registered_trunk_over_udp") {
        return;
    }
    let scene = Scene::new("udp", PLAIN);
    let (caller, anna) = (Baresip::start(None), Linphone::new(&scene.certificate));
    scene.call(caller, anna);
}

#[test]
fn a_registered_trunk_over_tcp() {
    if !all_installed("a_registered_trunk_over_tcp") {
        return;
    }
    let scene = Scene::new("tcp", PLAIN);
    let (caller, anna) = (Linphone::new(&scene.certificate), Baresip::start(None));
    scene.call(caller, anna);
}

#[test]
fn a_registered_trunk_over_tls_with_srtp() {
    if !all_installed("a_registered_trunk_over_tls_with_srtp") {
        return;
    }
    let scene = Scene::new("tls", REUSING);
    let (caller, anna) = (Baresip::start(Some(&scene.certificate)), Linphone::new(&scene.certificate));
    scene.call(caller, anna);
}
