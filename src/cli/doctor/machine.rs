//! What the machine gives: disk, clock, ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;

use super::{Check, Status};
use crate::daemon::config::Config;
use crate::daemon::limits::open_files;
use crate::store::{CallFilter, Store, StoreError};
use crate::switch::media::Priority;

/// Room on the disk below which messages are in danger.
const TOO_LITTLE: u64 = 200 << 20;
/// Room below which somebody should look.
const LITTLE: u64 = 1 << 30;

/// Files that are open beside the two of each leg: the database, recordings, connections.
const OTHER_FILES: u64 = 256;

/// All of it.
pub fn checks(config: &Config) -> Vec<Check> {
    vec![
        disk(&config.data_dir),
        database(&config.data_dir),
        clock(&config.data_dir),
        ports(config),
        files(config),
    ]
}

/// The room in the data directory, and whether it may be written to.
fn disk(data_dir: &Path) -> Check {
    let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let place = data_dir.display();
    // Before the first start the directory is not there: its parent's disk will hold it.
    let Some(there) = data_dir.ancestors().find(|path| path.is_dir()) else {
        return Check::new("disk", Status::Failed, format!("{place} cannot be reached"));
    };
    let found = match rustix::fs::statvfs(there) {
        Ok(found) => found,
        Err(error) => return Check::new("disk", Status::Failed, format!("{place}: {error}")),
    };
    if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Check::new("disk", Status::Failed, format!("{place} is read-only"));
    }
    if rustix::fs::access(there, rustix::fs::Access::WRITE_OK).is_err() {
        let help = "run doctor as the user of the daemon, or give that user the directory";
        return Check::new("disk", Status::Failed, format!("{place} may not be written to")).help(help);
    }
    let (free, inodes) = (found.f_bavail.saturating_mul(found.f_frsize), found.f_favail);
    let detail = format!("{} MiB free in {place}", free >> 20);
    // File systems without a table of inodes say that there are none at all.
    let no_inodes = found.f_files > 0 && inodes < 100;
    if no_inodes {
        return Check::new("disk", Status::Failed, format!("{place} has no inodes left"));
    }
    match room(free) {
        Status::Ok => Check::ok("disk", detail),
        status => Check::new("disk", status, detail)
            .help("free some there: a minute of a message takes 1 MiB, of a recorded call 2"),
    }
}

/// What so many free bytes mean.
fn room(free: u64) -> Status {
    match free {
        ..TOO_LITTLE => Status::Failed,
        TOO_LITTLE..LITTLE => Status::Warning,
        LITTLE.. => Status::Ok,
    }
}

fn database(data_dir: &Path) -> Check {
    match Store::look(data_dir) {
        Ok(()) => Check::ok("database", "it can be read"),
        Err(StoreError::Missing { .. }) => {
            Check::ok("database", "there is none yet: the first start makes it")
        }
        Err(error) => Check::new("database", Status::Failed, error.to_string()),
    }
}

/// Whether the clock is kept right, and whether it has gone back behind what is in the log.
fn clock(data_dir: &Path) -> Check {
    let now = Timestamp::now();
    let newest = CallFilter { limit: Some(1), ..CallFilter::default() };
    let last = Store::open_read_only(data_dir).and_then(|log| log.calls(&newest));
    let last = last.ok().and_then(|calls| calls.first().map(|call| call.started_at));
    if let Some(last) = last.filter(|last| *last > now) {
        let detail = format!("the clock says {now:.0}, but the last call in the log began at {last:.0}");
        return Check::new("clock", Status::Failed, detail).help("schedules follow the clock: set it");
    }
    match synchronised() {
        Some(true) => Check::ok("clock", format!("{now:.0}, kept right by the network")),
        Some(false) => Check::new("clock", Status::Warning, format!("{now:.0}, kept right by nobody"))
            .help("who is on call follows the clock: turn on systemd-timesyncd or chrony"),
        None => Check::ok("clock", format!("{now:.0}; whether it is kept right could not be learnt")),
    }
}

/// What the system says of its clock, if it can be asked.
fn synchronised() -> Option<bool> {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    match String::from_utf8_lossy(&asked.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// What audio may take of the processors before other programs, by the daemon that is running or by one
/// that would be started from here.
pub fn priority(granted: Priority, running: bool) -> Check {
    let whose = if running { "audio has" } else { "started from here, audio would have" };
    let detail = format!("{whose} {granted}");
    match granted {
        Priority::RealTime => Check::ok("priority", detail),
        Priority::Raised | Priority::Normal if !running => Check::ok("priority", detail),
        Priority::Raised | Priority::Normal => Check::new("priority", Status::Warning, detail).help(
            "let the daemon use real time, or audio stutters while the machine is busy: LimitRTPRIO=10 in its unit",
        ),
    }
}

/// How many legs the limit of open files leaves room for.
fn files(config: &Config) -> Check {
    let Some(limit) = open_files() else { return Check::ok("files", "no limit of open files") };
    let wanted = config.trunks.iter().map(|trunk| trunk.max_calls as u64).sum();
    let legs = limit.saturating_sub(OTHER_FILES) / 2;
    let detail = format!("{limit} files may be open: room for {legs} legs");
    if legs >= wanted {
        return Check::ok("files", detail);
    }
    let detail = format!("{detail}, fewer than max_calls of the trunks ({wanted})");
    Check::new("files", Status::Warning, detail).help("raise LimitNOFILE= in the unit, or `ulimit -Hn`")
}

/// How many of the ports for audio are free.
fn ports(config: &Config) -> Check {
    let addresses = &config.addresses;
    let bind = addresses.listen.first().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |own| own.addr.ip());
    let range = addresses.media_ports.clone();
    let (first, last) = (*range.start(), *range.end());
    let free = range.filter(|port| UdpSocket::bind(SocketAddr::new(bind, *port)).is_ok()).count();
    // Each leg takes two, RTP and RTCP.
    let legs = free / 2;
    let wanted: usize = config.trunks.iter().map(|trunk| trunk.max_calls).sum();
    let detail = format!("{free} of the ports {first}-{last} are free: room for {legs} legs");
    let help = "widen [media] ports, or find out who uses them: `ss -ulpn`";
    match legs {
        0 | 1 => Check::new("media", Status::Failed, detail).help(help),
        legs if legs < wanted => {
            let detail = format!("{detail}, fewer than max_calls of the trunks ({wanted})");
            Check::new("media", Status::Warning, detail).help(help)
        }
        _ => Check::ok("media", detail),
    }
}
