//! An account at a carrier on the real wire, with `sipp` as the carrier.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::daemon::Daemon;
use crate::sipp::{Sipp, free_port};
use crate::{NUMBER, says};

fn write_password(folder: &Path) {
    let path = folder.join("carrier.password");
    std::fs::write(&path, "zanzibar\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A daemon with an account at a carrier on that port, whose hotline rings one number.
fn daemon(carrier: u16, more: &str) -> Daemon {
    let port = free_port();
    let settings = format!(
        r#"
data_dir = "data"
oncall = "oncall.toml"
[sip]
listen = ["udp:127.0.0.1:{port}"]
[media]
ports = "43000-53000"
[[trunks]]
name = "carrier"
server = "udp:127.0.0.1:{carrier}"
country = "49"
username = "hotline"
password_file = "carrier.password"
ping = "off"
{more}
[[hotlines]]
name = "Emergency hotline"
numbers = ["{NUMBER}"]
trunks = ["carrier"]
[[hotlines.routes]]
name = "Production"
levels = [["person:anna"]]
[hotlines.routes.fallback]
then = "closing"
"#
    );
    let oncall = "[[people]]\nid = \"anna\"\nname = \"Anna\"\nphones = [\"+4915112345678\"]\n";
    Daemon::with(port, write_password, &settings, oncall)
}

#[test]
fn a_registration_is_authenticated_and_taken_back_at_the_end() {
    let Some(sipp) = Sipp::find("a_registration_is_authenticated_and_taken_back_at_the_end") else { return };
    let registrar = sipp.start("registrar.xml", &[]);
    let daemon = daemon(registrar.port, "register = true\n");
    daemon.wait_for_log("registered");
    daemon.stop();
    assert_eq!(registrar.finish(), Some(0), "the registrar's scenario went as written");
}

#[test]
fn a_server_that_always_challenges_gets_one_answer_and_the_call_ends() {
    let Some(sipp) = Sipp::find("a_server_that_always_challenges_gets_one_answer_and_the_call_ends") else {
        return;
    };
    let server = sipp.start("challenging.xml", &[]);
    let daemon = daemon(server.port, "");
    let caller = sipp.start("caller.xml", &["-s", NUMBER, &daemon.address()]);
    assert_eq!(server.finish(), Some(0), "two INVITEs and no more");
    let call = daemon.only_call();
    drop(caller);
    assert!(says(&call, "DialTargetResult", Some("anna"), "did not accept our credentials"), "{call:#}");
}
