//! Whether the machine has slept: timers stand still meanwhile, but a carrier's bindings run out.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Less than this is how the two clocks are read one after the other.
const NOTICED: Duration = Duration::from_secs(2);

/// How much of the time since the start of the machine it has slept.
#[derive(Debug)]
pub(super) struct Sleep {
    seen: Duration,
}

impl Sleep {
    pub(super) fn new() -> Self {
        Self { seen: slept() }
    }

    /// Whether it has slept since the last question.
    pub(super) fn happened(&mut self) -> bool {
        self.notes(slept())
    }

    fn notes(&mut self, slept: Duration) -> bool {
        let happened = slept.saturating_sub(self.seen) >= NOTICED;
        if happened {
            self.seen = slept;
        }
        happened
    }
}

/// The clock that goes on in sleep is ahead of the other by that much.
fn slept() -> Duration {
    let awake = length(clock_gettime(ClockId::Monotonic));
    length(clock_gettime(ClockId::Boottime)).saturating_sub(awake)
}

fn length(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_told_once_and_jitter_is_none() {
        let mut sleep = Sleep { seen: Duration::from_secs(100) };
        let told = [100, 101, 160, 160, 161].map(|slept| sleep.notes(Duration::from_secs(slept)));
        assert_eq!(told, [false, false, true, false, false]);
    }

    #[test]
    fn while_the_tests_run_the_machine_does_not_sleep() {
        assert!(!Sleep::new().happened());
    }
}
