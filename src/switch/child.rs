//! Programs of the operator's, run within bounds: of time, and of what they may write. No shell is involved.

use std::fs;
use std::io::{self, Read, Seek, Write};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process_group, pidfd_open, prlimit};

/// Waits for a child that leads its process group; a file it writes is no larger than `most` octets. Whatever of the
/// group is left at the child's end or after `at_most` is killed. Nothing is returned when the time was over first.
pub fn finish(mut child: Child, at_most: Duration, most: u64) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_child(&child);
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    // A program that is over by now needs no limit.
    let _ = prlimit(Some(pid), Resource::Fsize, limit);
    let in_time = wait(pid, Instant::now() + at_most);
    // Before the child is reaped, so that its number cannot be another's.
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child.wait()?;
    Ok(in_time?.then_some(status))
}

/// Whether a process ended before the deadline.
fn wait(pid: Pid, deadline: Instant) -> io::Result<bool> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A file in memory: unlike a pipe it blocks neither side.
pub fn memory(name: &str, content: &str) -> io::Result<fs::File> {
    let mut file = fs::File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(content.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// The last thing a program said, to be put behind an error.
pub fn last_line(mut errors: fs::File) -> String {
    let mut said = Vec::new();
    let read = errors.rewind().and_then(|()| errors.take(64 << 10).read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said);
    match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) if read.is_ok() => format!(": {}", line.trim().chars().take(200).collect::<String>()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_command_that_hangs_is_killed_with_all_its_children() {
        let (alive, theirs) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & sleep 1000"]).stdout(theirs).process_group(0);
        let child = command.spawn().unwrap();
        drop(command);
        assert_eq!(finish(child, Duration::from_millis(20), 1 << 20).unwrap(), None);
        // The pipe ends only when every process that holds it is gone.
        let mut rest = Vec::new();
        assert_eq!((&alive).read_to_end(&mut rest).unwrap(), 0);
    }
}
