//! Calls over TLS with protected audio (SRTP), without a carrier between, with `baresip` at both ends.

use crate::baresip::Baresip;
use crate::certificate::Certificate;
use crate::daemon::Daemon;
use crate::foreign::{Handset, accepts};
use crate::sipp::installed;

const ANNA: &str = "+4915112345678";

/// A daemon that takes TLS only and rings Anna through a trunk that is her softphone.
fn daemon(certificate: &Certificate, anna: u16, srtp: &str) -> Daemon {
    let (chain, key) = (certificate.certificate.display(), certificate.key.display());
    let root = certificate.authority.display();
    let settings = |port: u16| {
        let sip = format!(
            "[sip]\nlisten = [\"tls:127.0.0.1:{port}\"]\n[sip.tls]\ncertificate = \"{chain}\"\nkey = \"{key}\"\n"
        );
        let trunk = format!(
            "[[trunks]]\nname = \"carrier\"\nserver = \"tls:127.0.0.1:{anna}\"\nsources = [\"127.0.0.1/32\"]\n\
             country = \"49\"\nsrtp = \"{srtp}\"\n[trunks.tls]\nca_file = \"{root}\"\n"
        );
        (sip, trunk)
    };
    Daemon::start_behind(settings, &[("anna", ANNA)], ["", ""])
}

fn softphone(certificate: &Certificate, number: &str, encryption: &str) -> Baresip {
    let mut phone = Baresip::start(Some(certificate));
    phone.has_account(number, encryption);
    phone
}

/// A call from one softphone through the daemon to another, both with this protection.
fn call(srtp: &str, encryption: &str) {
    let certificate = Certificate::issue(&["127.0.0.1"]);
    let encryption = format!(";mediaenc={encryption}");
    let mut anna = softphone(&certificate, ANNA, &encryption);
    let mut caller = softphone(&certificate, "+4915199887766", &encryption);
    let daemon = daemon(&certificate, anna.port() + 1, srtp);
    caller.dials(&format!("sip:+4930123456@{};transport=tls", daemon.address()));
    caller.is_protected();
    caller.is_connected();
    anna.is_rung();
    anna.picks_up();
    anna.is_protected();
    anna.is_connected();
    accepts(&daemon, &mut caller, &mut anna);
    caller.hangs_up();
    anna.is_hung_up_on();
    let record = daemon.only_call();
    assert_eq!(record["outcome"], "accepted", "{record:#}");
}

#[test]
fn over_tls_with_protected_audio_two_softphones_hear_each_other() {
    if installed("baresip", "baresip-core", "over_tls_with_protected_audio_two_softphones_hear_each_other") {
        call("required", "srtp-mand");
    }
}

#[test]
fn audio_is_protected_where_it_is_optional_for_both() {
    if installed("baresip", "baresip-core", "audio_is_protected_where_it_is_optional_for_both") {
        call("optional", "srtp");
    }
}

#[test]
fn a_call_in_the_clear_is_refused_where_audio_must_be_protected() {
    if !installed("baresip", "baresip-core", "a_call_in_the_clear_is_refused_where_audio_must_be_protected") {
        return;
    }
    let certificate = Certificate::issue(&["127.0.0.1"]);
    let mut caller = softphone(&certificate, "+4915199887766", "");
    let daemon = daemon(&certificate, 9, "required");
    caller.dials(&format!("sip:+4930123456@{};transport=tls", daemon.address()));
    caller.is_refused_with(488);
    assert_eq!(daemon.calls().len(), 0);
}
