//! How commands change who is on call: through the running daemon, or in the database of a stopped one.

use jiff::Timestamp;

use super::{Common, Failure};
use crate::daemon::changes::{self, Change, Changed};
use crate::daemon::config::Config;
use crate::daemon::control::{self, Command, Reply};
use crate::oncall::Roster;

/// Makes a change; answers what became of it, and who is on call since.
pub fn change(common: &Common, change: Change) -> Result<(Changed, Roster), Failure> {
    let (config, _) = common.load()?;
    let changed = match control::ask(&config.data_dir, &Command::Change(change.clone()))? {
        Some(Reply::Changed(changed)) => changed,
        Some(Reply::Failed(why)) => return Err(Failure::Failed(why)),
        Some(_) => return Err(Failure::Failed("the daemon answered something else".to_owned())),
        None => change_stopped(&config, &change)?,
    };
    Ok((changed, super::stored_roster(&config)?))
}

/// The on-call file is applied first, as the next start would do: the change may be about what is new in it.
fn change_stopped(config: &Config, change: &Change) -> Result<Changed, Failure> {
    let store = super::open_stopped(config)?;
    if let Some((_, roster)) = &config.oncall {
        store.apply_roster(roster, false)?;
    }
    Ok(changes::carry_out(&store, change, Timestamp::now())?)
}
