//! What the benches of the media threads share: streams without signalling, cores, and clocks.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use nightbell::call::leg::{Leg, Request};
use nightbell::sip::Codec;
use nightbell::switch::media::{InBand, KeyRules, Media, Parameters, SrtpKeys, Stream};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::sync::mpsc;

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An answered leg whose phone is at `remote`, protected or in the clear.
pub fn stream(
    media: &Media,
    requests: &mpsc::UnboundedSender<Request>,
    remote: SocketAddr,
    codec: Codec,
    srtp: Option<SrtpKeys>,
) -> (Stream, Leg) {
    let (leg, keys) = Leg::new(requests.clone());
    let stream = media.open(0, leg.id(), mpsc::unbounded_channel().0, keys).unwrap();
    let payload_type = match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
    };
    stream.configure(Parameters {
        remote_rtp: remote,
        remote_rtcp: SocketAddr::new(LOOPBACK, 9),
        codec,
        packet_time_ms: None,
        send_payload_type: payload_type,
        receive_payload_type: payload_type,
        telephone_event: Some((101, 101)),
        comfort_noise: None,
        may_send: true,
        may_receive: true,
        allowed_sources: Vec::new(),
        in_band: InBand::Never,
        key_rules: KeyRules::default(),
        srtp,
        rtcp_mux: false,
    });
    (stream, leg)
}

/// Keeps this thread, and those it starts, on one core.
pub fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // A machine of one core runs it all the same.
    let _ = sched_setaffinity(None, &cores);
}

/// The time this process's threads of that name have had a core, in ns by the scheduler's account.
pub fn cpu_of(name: &str) -> Duration {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let of_name = threads.filter(|thread| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.starts_with(name))
    });
    let run = of_name.map(|thread| {
        let account = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        account.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(run.sum())
}
