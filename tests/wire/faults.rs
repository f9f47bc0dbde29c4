//! Disks that fail under the running daemon, one test for each way in which they do, by its number in the table of
//! faults. In each of them a call is answered and bridged while it lasts, the alarm is in the log, and the call's
//! record is whole afterwards.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::daemon::Daemon;
use crate::phone::Phone;
use crate::says;
use crate::sipp::{installed, left_out};

const LOW: f64 = 440.0;
const HIGH: f64 = 1000.0;
/// What the log says once it is over.
const OVER: &str = "the database takes entries again";

/// A disk of its own below a folder; unmounted in the end.
struct Disk(PathBuf);

impl Disk {
    /// Whether one can be made; tells of a test that is left out.
    fn can_be_made(test: &str) -> bool {
        let root = rustix::process::geteuid().is_root();
        if !root {
            left_out(&format!("{test} mounts a disk of its own: run it as root, or under `unshare -Urm`"));
        }
        root
    }

    fn mount(at: &Path, options: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).status().unwrap();
        assert!(mounted.success());
        Self(at.to_owned())
    }

    fn remount(&self, how: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status().unwrap();
        assert!(done.success(), "remount,{how}");
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        let mut part = vec![0_u8; 1 << 16];
        while !part.is_empty() {
            if filler.write_all(&part).is_err() {
                part.truncate(part.len() / 2);
            }
        }
    }

    /// Takes all the files there can be.
    fn fill_files(&self) {
        fs::create_dir_all(self.0.join("many")).unwrap();
        let mut number = 0;
        while File::create(self.0.join(format!("many/{number}"))).is_ok() {
            number += 1;
        }
    }

    fn free(&self) {
        let _ = fs::remove_file(self.filler());
        let _ = fs::remove_dir_all(self.0.join("many"));
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// System calls of the daemon that go wrong, until this is dropped.
struct Tampering(Child);

impl Tampering {
    /// Has the calls of this name do this (`error=EIO`, `delay_enter=5000000`).
    fn with(daemon: &Daemon, calls: &str, how: &str) -> Self {
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{how}")])
            .args(["-o", "/dev/null", "-p", &daemon.process().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It is there once the daemon's threads say that they are traced.
        let traced = |status: String| {
            status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        };
        let threads = PathBuf::from(format!("/proc/{}/task", daemon.process()));
        let all_traced = || {
            fs::read_dir(&threads)
                .unwrap()
                .flatten()
                .all(|thread| fs::read_to_string(thread.path().join("status")).map_or(true, traced))
        };
        let begun = Instant::now();
        while !all_traced() {
            assert!(strace.try_wait().unwrap().is_none(), "strace has ended");
            assert!(begun.elapsed() < Duration::from_secs(20), "strace does not begin");
            std::thread::yield_now();
        }
        Self(strace)
    }
}

impl Drop for Tampering {
    fn drop(&mut self) {
        // Asked to end, it lets go of the daemon.
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}

/// The caller is answered, anna is rung, accepts, and they hear each other.
fn bridged(caller: &mut Phone, anna: &mut Phone, daemon: &Daemon) {
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    anna.picks_up(HIGH);
    // Of this call, and not what is left of one before: the question has begun.
    anna.listens(25);
    anna.presses('1');
    hears(caller, HIGH);
    hears(anna, LOW);
}

fn hears(phone: &Phone, hz: f64) {
    let begun = Instant::now();
    while phone.share_of(hz) < 0.8 {
        assert!(begun.elapsed() < Duration::from_secs(20), "never heard {hz} Hz");
    }
}

fn hangs_up(caller: &mut Phone, anna: &mut Phone) {
    caller.asks("BYE", "");
    caller.expects("SIP/2.0 200");
    let bye = anna.expects("BYE");
    anna.replies(&bye, "200 OK", "");
}

/// The record has all there is to say of the call.
fn assert_whole(call: &Value) {
    assert_eq!(call["outcome"], "accepted", "{call:#}");
    assert_eq!(call["responder"], "anna", "{call:#}");
    assert_eq!(call["end_reason"], "the caller hung up", "{call:#}");
    for step in ["CallReceived", "Welcome", "DialTarget", "ConfirmTargetResult", "Bridge", "Hangup"] {
        assert!(says(call, step, None, ""), "no {step}: {call:#}");
    }
    let numbers: Vec<_> =
        call["timeline"].as_array().unwrap().iter().map(|event| event["seq"].as_u64()).collect();
    assert!(
        numbers.iter().zip(1..).all(|(found, seq)| *found == Some(seq)),
        "steps are missing: {numbers:?}"
    );
}

/// What `doctor` says of the database of the running daemon.
fn storage(daemon: &Daemon) -> Value {
    let output = daemon.begins(&["doctor", "--no-call", "--json"]).wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == "storage").cloned().unwrap()
}

#[test]
fn fault_10_on_a_full_disk_a_call_is_bridged_and_its_record_is_whole_once_there_is_room() {
    if !Disk::can_be_made("fault_10") {
        return;
    }
    let mut disk = None;
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let prepare = |folder: &Path| disk = Some(Disk::mount(&folder.join("data"), "size=20m,mode=700"));
    let mut daemon = Daemon::start_in(prepare, "anna", anna.port());
    let disk = disk.unwrap();
    disk.fill();
    bridged(&mut caller, &mut anna, &daemon);
    daemon.wait_for_log("ALARM: the disk is full");
    let found = storage(&daemon);
    assert_eq!(found["status"], "failed", "{found:#}");
    hangs_up(&mut caller, &mut anna);
    assert!(daemon.calls().is_empty(), "nothing could be written");
    disk.free();
    daemon.wait_for_log(OVER);
    assert_whole(&daemon.only_call());
    assert_eq!(storage(&daemon)["status"], "ok");

    // The same, and a kill in between: the spool had its room beforehand.
    disk.fill();
    let (mut caller, mut bob) = (Phone::ordinary(), anna);
    bridged(&mut caller, &mut bob, &daemon);
    daemon.wait_for_log("ALARM: the disk is full");
    daemon.kill_and_restart_after(|_| disk.free());
    let calls = daemon.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(calls[0]["outcome"], "accepted", "{calls:?}");
    assert_eq!(calls[0]["end_reason"], "the daemon stopped");
}

#[test]
fn fault_11_of_a_message_during_which_the_disk_fills_up_the_begin_is_kept_and_the_caller_told() {
    if !Disk::can_be_made("fault_11") {
        return;
    }
    let mut disk = None;
    let mut caller = Phone::ordinary();
    let prepare = |folder: &Path| disk = Some(Disk::mount(&folder.join("data"), "size=64m,mode=700"));
    // Nobody is there.
    let daemon = Daemon::start_in(prepare, "anna", 9);
    let disk = disk.unwrap();
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    daemon.wait_for_recording();
    disk.fill();
    daemon.wait_for_log("ALARM: the disk is full");
    let bye = caller.expects("BYE");
    caller.replies(&bye, "200 OK", "");
    disk.free();
    daemon.wait_for_log(OVER);
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "voicemail", "{call:#}");
    assert_eq!(call["end_reason"], "the disk failed during the message", "{call:#}");
    assert!(fs::metadata(daemon.message()).unwrap().len() > 44, "the begin is there");

    // Without room from the first on the caller is told before saying anything in vain.
    disk.fill();
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    daemon.wait_for_log("no message could be taken");
    caller.expects("BYE");
    disk.free();
}

#[test]
fn fault_12_without_a_file_to_be_had_calls_are_bridged_and_callers_told_that_no_message_can_be_left() {
    if !Disk::can_be_made("fault_12") {
        return;
    }
    let mut disk = None;
    let prepare =
        |folder: &Path| disk = Some(Disk::mount(&folder.join("data"), "size=64m,nr_inodes=64,mode=700"));
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = Daemon::start_in(prepare, "anna", anna.port());
    let disk = disk.unwrap();
    disk.fill_files();
    bridged(&mut caller, &mut anna, &daemon);
    hangs_up(&mut caller, &mut anna);
    assert_whole(&daemon.only_call());
    drop(anna);
    let mut caller = Phone::ordinary();
    caller.calls(&daemon.address(), LOW);
    caller.presses('1');
    daemon.wait_for_log("no message could be taken: the disk has no room for another file");
    caller.expects("BYE");
}

#[test]
fn fault_13_on_a_read_only_disk_the_daemon_starts_takes_calls_and_has_them_all_once_it_can_be_written_to() {
    if !Disk::can_be_made("fault_13") {
        return;
    }
    let mut disk = None;
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let prepare = |folder: &Path| disk = Some(Disk::mount(&folder.join("data"), "size=64m,mode=700"));
    let mut daemon = Daemon::start_in(prepare, "anna", anna.port());
    let disk = disk.unwrap();
    bridged(&mut caller, &mut anna, &daemon);
    hangs_up(&mut caller, &mut anna);
    assert_whole(&daemon.only_call());

    daemon.kill_and_restart_after(|_| disk.remount("ro"));
    assert!(daemon.has_logged("ALARM: the database cannot be used"));
    let mut caller = Phone::ordinary();
    bridged(&mut caller, &mut anna, &daemon);
    hangs_up(&mut caller, &mut anna);
    disk.remount("rw");
    daemon.wait_for_log("the database is in use again");
    let calls = daemon.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls.iter().all(|call| call["outcome"] == "accepted"), "{calls:?}");
}

#[test]
fn fault_14_after_a_sync_that_failed_nothing_counts_as_written_before_it_was_written_again() {
    let Some((daemon, mut caller, mut anna)) = tampered("fault_14") else { return };
    let tampering = Tampering::with(&daemon, "fsync,fdatasync", "error=EIO");
    bridged(&mut caller, &mut anna, &daemon);
    daemon.wait_for_log("ALARM: the disk has failed");
    hangs_up(&mut caller, &mut anna);
    assert!(!daemon.has_logged(OVER));
    drop(tampering);
    daemon.wait_for_log(OVER);
    assert_whole(&daemon.only_call());
}

#[test]
fn fault_15_a_disk_that_takes_five_seconds_holds_up_an_answer_for_half_a_second_and_the_next_not_at_all() {
    let Some((daemon, mut caller, mut anna)) = tampered("fault_15") else { return };
    let tampering = Tampering::with(&daemon, "fsync,fdatasync", "delay_enter=5000000");
    bridged(&mut caller, &mut anna, &daemon);
    daemon.wait_for_log("ALARM: the disk is slow");
    hangs_up(&mut caller, &mut anna);
    drop(tampering);
    daemon.wait_for_log(OVER);
    assert_whole(&daemon.only_call());
}

/// A daemon whose system calls can be made to fail.
fn tampered(test: &str) -> Option<(Daemon, Phone, Phone)> {
    if !installed("strace", "strace", test) {
        return None;
    }
    if !rustix::process::geteuid().is_root() {
        left_out(&format!("{test} needs root: strace reaches into a process that is not its child"));
        return None;
    }
    let (caller, anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = Daemon::start_in(|_| {}, "anna", anna.port());
    Some((daemon, caller, anna))
}

#[test]
fn fault_16_while_another_program_has_locked_the_database_calls_are_bridged() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let daemon = Daemon::start_in(|_| {}, "anna", anna.port());
    let other = Connection::open(daemon.data().join("nightbell.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    bridged(&mut caller, &mut anna, &daemon);
    daemon.wait_for_log("ALARM: another program has locked the database");
    hangs_up(&mut caller, &mut anna);
    other.execute_batch("ROLLBACK").unwrap();
    daemon.wait_for_log(OVER);
    assert_whole(&daemon.only_call());
}

#[test]
fn fault_17_with_a_damaged_database_the_daemon_starts_and_has_every_call_when_that_is_set_aside() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let mut daemon = Daemon::start_in(|_| {}, "anna", anna.port());
    let mut damaged = Vec::new();
    daemon.kill_and_restart_after(|data| {
        let path = data.join("nightbell.db");
        // All of it is in the file itself.
        let whole = Connection::open(&path).unwrap();
        let _: i64 = whole.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        drop(whole);
        damaged = fs::read(&path).unwrap();
        damaged[100..120].fill(0xa5);
        fs::write(&path, &damaged).unwrap();
    });
    assert!(daemon.has_logged("ALARM: the database cannot be used"));
    bridged(&mut caller, &mut anna, &daemon);
    hangs_up(&mut caller, &mut anna);
    assert_whole(&daemon.only_call());
    let found = storage(&daemon);
    assert!(found["help"].as_str().unwrap().contains("--set-aside"), "{found:#}");
    assert_eq!(fs::read(daemon.data().join("nightbell.db")).unwrap(), damaged, "it was left as it is");

    let said = String::from_utf8(daemon.prints(&["doctor", "--set-aside"])).unwrap();
    let aside = said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(fs::read(aside).unwrap(), damaged);
    assert_eq!(storage(&daemon)["status"], "ok");
    assert_whole(&daemon.only_call());
    let mut caller = Phone::ordinary();
    bridged(&mut caller, &mut anna, &daemon);
    hangs_up(&mut caller, &mut anna);
    daemon.kill_and_restart();
    assert_eq!(daemon.calls().len(), 2);
}

#[test]
fn fault_18_a_database_that_is_damaged_while_the_daemon_runs_keeps_no_call_away_and_costs_none() {
    let (mut caller, mut anna) = (Phone::ordinary(), Phone::ordinary());
    let mut daemon = Daemon::start_in(|_| {}, "anna", anna.port());
    let path = daemon.data().join("nightbell.db");
    // Everything is in the file itself, and no connection can go by what it remembers.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("UPDATE spool_positions SET number = number + 1").unwrap();
    let _: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    let mut octets = fs::read(&path).unwrap();
    octets[4096..].fill(0xa5);
    fs::write(&path, &octets).unwrap();
    bridged(&mut caller, &mut anna, &daemon);
    daemon.wait_for_log("ALARM: the database is damaged");
    hangs_up(&mut caller, &mut anna);
    drop(other);

    // The next start takes a spare one, and there is the call.
    daemon.kill_and_restart();
    assert!(daemon.has_logged("ALARM: the database cannot be used"));
    daemon.prints(&["doctor", "--set-aside"]);
    let call = daemon.only_call();
    assert_eq!(call["outcome"], "accepted", "{call:#}");
    assert!(says(&call, "Bridge", Some("anna"), "hear each other"), "{call:#}");
}
