//! The priority of the media threads: audio that waits for its turn at the processor is heard late.
//!
//! Real-time threads (SCHED_RR) run before all ordinary ones, so three things keep them from taking a
//! machine for themselves. The kernel leaves 5 % of each core to the others (`sched_rt_runtime_us`). A
//! thread that was busy for almost all of a second steps down by itself until there is less to do:
//! signalling must be able to end calls. And a thread that is caught in a loop ends the process after
//! [`PATIENCE`] (RLIMIT_RTTIME), so that it is started anew.

use std::fmt;
use std::time::{Duration, Instant};

use preempt_rt::sched::{Pid, RtResult, Scheduler, SchedulerParams, set_scheduler};
use rustix::process::{Resource, Rlimit, getpriority_process, getrlimit, setpriority_process, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Of 1 to 99: above ordinary threads, below those that serve interrupts (50). The second is for a
/// machine that allows only the least.
const REAL_TIME: [i32; 2] = [10, 1];
/// Without real time: before everything that was started without thought for its priority.
const NICE: i32 = -15;
/// How long a thread may run in real time without ever waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a thread looks at how busy it was.
const LOOK: Duration = Duration::from_secs(1);
/// It steps down when it was busy for more of the time than this, in percent. The kernel never gives it
/// more than 95.
const TOO_BUSY: u128 = 90;
/// It steps up again after so many looks with less to do than this.
const CALM: u128 = 60;
const CALM_LOOKS: u32 = 10;

/// What the system has granted the media threads; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// SCHED_RR.
    RealTime,
    /// Ordinary scheduling with a nice value below zero.
    Raised,
    /// That of any program.
    Normal,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RealTime => "real-time priority (SCHED_RR)",
            Self::Raised => "raised priority (nice below 0), not in real time",
            Self::Normal => "no priority over other programs",
        })
    }
}

/// Gives the calling thread the best priority that the system allows.
fn take() -> Priority {
    if run_in_real_time() {
        limit_real_time();
        return Priority::RealTime;
    }
    let nice = || getpriority_process(None).unwrap_or_default();
    if nice() > NICE {
        // Not allowed: it keeps what the process was started with.
        let _ = setpriority_process(None, NICE);
    }
    if nice() < 0 { Priority::Raised } else { Priority::Normal }
}

/// What a media thread would be granted in this process.
pub fn probe() -> Priority {
    // A thread of its own, for it keeps what it is given.
    std::thread::spawn(take).join().unwrap_or(Priority::Normal)
}

/// Whether the system allows it.
fn run_in_real_time() -> bool {
    REAL_TIME.iter().any(|level| schedule(Scheduler::SCHED_RR, *level).is_ok())
}

fn schedule(scheduler: Scheduler, priority: i32) -> RtResult<()> {
    set_scheduler(Pid::current_thread(), scheduler, SchedulerParams { priority })
}

/// A real-time thread that never waits ends the process (SIGXCPU), where nobody set a lower limit.
fn limit_real_time() {
    let Rlimit { current, maximum } = getrlimit(Resource::Rttime);
    let wanted = PATIENCE.as_micros() as u64;
    let limit = [current, maximum].into_iter().flatten().fold(wanted, u64::min);
    if let Err(error) = setrlimit(Resource::Rttime, Rlimit { current: Some(limit), maximum }) {
        tracing::warn!(%error, "the time that a media thread may run without a pause cannot be limited");
    }
}

/// The priority of one thread, given up while it is too busy.
#[derive(Debug)]
pub(super) struct Governor {
    granted: Priority,
    load: Load,
    next_look: Instant,
    /// What the thread had of a processor at the last look, and when that was.
    used: Duration,
    looked: Instant,
}

impl Governor {
    /// Takes what priority there is for the calling thread.
    pub fn take(now: Instant) -> Self {
        let granted = take();
        Self { granted, load: Load::default(), next_look: now + LOOK, used: cpu_time(), looked: now }
    }

    /// What the thread was granted at its start.
    pub fn granted(&self) -> Priority {
        self.granted
    }

    /// To be called often by the thread itself.
    pub fn look(&mut self, now: Instant) {
        if now < self.next_look || self.granted != Priority::RealTime {
            return;
        }
        let used = cpu_time();
        let busy = used.saturating_sub(self.used);
        let elapsed = now.saturating_duration_since(self.looked);
        (self.used, self.looked, self.next_look) = (used, now, now + LOOK);
        match self.load.seen(busy, elapsed) {
            Some(Step::Down) => {
                tracing::warn!("a media thread has too much to do: it gives its real-time priority up");
                report(schedule(Scheduler::SCHED_NORMAL, 0).is_ok());
            }
            Some(Step::Up) => {
                tracing::info!("a media thread has less to do: it runs in real time again");
                report(run_in_real_time());
            }
            None => {}
        }
    }
}

fn report(changed: bool) {
    if !changed {
        tracing::warn!("the priority of a media thread cannot be changed");
    }
}

/// The time the calling thread has had a processor.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Down,
    Up,
}

/// How busy a thread was, look for look.
#[derive(Debug, Default)]
struct Load {
    is_down: bool,
    calm: u32,
}

impl Load {
    fn seen(&mut self, busy: Duration, elapsed: Duration) -> Option<Step> {
        let percent = (busy.as_nanos() * 100).checked_div(elapsed.as_nanos()).unwrap_or(0);
        self.calm = if percent < CALM { self.calm.saturating_add(1) } else { 0 };
        let step = match self.is_down {
            false if percent > TOO_BUSY => Step::Down,
            true if self.calm >= CALM_LOOKS => Step::Up,
            _ => return None,
        };
        self.is_down = step == Step::Down;
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn steps(load: &mut Load, percents: &[u32]) -> Vec<(usize, Step)> {
        let seen = percents.iter().map(|percent| load.seen(SECOND * *percent / 100, SECOND));
        seen.enumerate().filter_map(|(n, step)| Some((n, step?))).collect()
    }

    #[test]
    fn a_thread_that_is_busy_without_a_pause_steps_down_and_up_again_after_ten_calm_seconds() {
        let mut load = Load::default();
        assert_eq!(steps(&mut load, &[90, 50, 94, 99]), [(2, Step::Down)]);
        let restless = [[10; 9].as_slice(), &[61], &[10; 9]].concat();
        assert_eq!(steps(&mut load, &restless), []);
        assert_eq!(steps(&mut load, &[0, 0, 91]), [(0, Step::Up), (2, Step::Down)]);
    }

    #[test]
    fn what_a_thread_is_granted_is_what_the_system_says_it_has() {
        // What that is depends on who runs the test.
        let (granted, stat, nice) = std::thread::spawn(|| {
            let granted = take();
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("of Linux");
            (granted, stat, getpriority_process(None).expect("its own"))
        })
        .join()
        .expect("it ends");
        // Behind the name in brackets, field 3 of proc(5) comes first: 41 is the policy, SCHED_RR is 2.
        let policy = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(41 - 3));
        assert_eq!(granted == Priority::RealTime, policy == Some("2"), "{granted:?} {stat}");
        if granted != Priority::RealTime {
            assert_eq!(granted == Priority::Raised, nice < 0);
        }
    }
}
