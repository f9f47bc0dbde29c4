//! What waits to be told to targets.

use jiff::{SignedDuration, Timestamp};

use super::{Check, Status, output};
use crate::daemon::config::Config;
use crate::store::{OutboxCount, Store, StoreError};

/// What waits no longer than this is on its way.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// How the outbox stands, a check for each target of which something waits or is dead. A database that cannot be read
/// is another check's.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let now = Timestamp::now();
    let found = Store::open_read_only(&config.data_dir).and_then(|reader| reader.outbox_counts(now));
    match found.as_deref() {
        Err(StoreError::Missing { .. }) | Ok([]) => vec![Check::ok("outbox", "nothing waits to be told")],
        Err(_) => Vec::new(),
        Ok(counts) => counts.iter().map(|count| of_target(count, config, now)).collect(),
    }
}

fn of_target(count: &OutboxCount, config: &Config, now: Timestamp) -> Check {
    let mut said = vec![format!("{}: {} to be told", count.target, waiting(count.waiting))];
    let is_known = config.targets.iter().any(|target| target.name == count.target);
    let stuck = count.oldest_due.filter(|since| now.duration_since(*since) > ON_ITS_WAY);
    said.extend(stuck.map(|since| format!("the oldest since {}", output::local(since))));
    said.extend((count.dead > 0).then(|| format!("{} could not be told at all", count.dead)));
    said.extend((!is_known).then(|| "the settings have no such [[notify]]".to_owned()));
    let detail = said.join("; ");
    match stuck.is_some() || count.dead > 0 || !is_known {
        true => Check::new("outbox", Status::Warning, detail)
            .help("`nightbell outbox` says why; `nightbell outbox replay` sends again what is dead"),
        false => Check::ok("outbox", detail),
    }
}

fn waiting(number: u32) -> String {
    if number == 1 { "1 waits".to_owned() } else { format!("{number} wait") }
}
