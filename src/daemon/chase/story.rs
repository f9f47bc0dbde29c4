//! What somebody is told who is phoned about an incident.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::audio::LINE_RATE;
use crate::call::chase::{Story, What};
use crate::call::prompt::Piece;
use crate::incident::{Case, Message, Routed};
use crate::oncall::{E164, Roster, Target};
use crate::switch::prompts::memo;

/// The longest message that is played, in samples: 15 minutes.
const LONGEST: usize = 15 * 60 * LINE_RATE as usize;

/// What is told of a call. Reads the message: blocks.
pub(super) fn story(case: &Case, routed: &Routed, recordings: &Path, time: (u8, u8)) -> Story {
    let what = match case.message() {
        Some(message) => What::Message {
            length: Duration::from_millis(message.duration_ms),
            sound: sound(recordings, message),
        },
        None if case.was_accepted() => What::Open,
        None => What::Missed,
    };
    Story { what, caller: E164::parse(&routed.caller).ok(), time }
}

/// The sound of a message. Nothing: it is gone, encrypted or broken, which the person is told.
fn sound(recordings: &Path, message: &Message) -> Option<Piece> {
    let read = || -> Result<Vec<i16>, hound::Error> {
        let mut wav = hound::WavReader::open(recordings.join(&message.file))?;
        let spec = wav.spec();
        if (spec.sample_rate, spec.channels, spec.bits_per_sample) != (LINE_RATE, 1, 16) {
            return Err(hound::Error::Unsupported);
        }
        wav.samples::<i16>().take(LONGEST).collect()
    };
    match read() {
        Ok(samples) => Some(Piece::Memo(memo(&samples))),
        Err(error) => {
            tracing::warn!(file = message.file, %error, "a message cannot be played to the person who is phoned");
            None
        }
    }
}

/// Hour and minute of an instant, on the clock of the first schedule of the levels; without one on that of this machine.
pub(super) fn clock(roster: &Roster, levels: &[Vec<Target>], at: Timestamp) -> (u8, u8) {
    let schedule = levels.iter().flatten().find_map(|target| match target {
        Target::Schedule(id) | Target::Everyone(id) => roster.schedules.get(id),
        _ => None,
    });
    let local = match schedule {
        Some(schedule) => schedule.timezone.local(at),
        None => at.to_zoned(TimeZone::system()).datetime(),
    };
    let number = |of: i8| u8::try_from(of).unwrap_or_default();
    (number(local.hour()), number(local.minute()))
}
