//! How commands change who is on call, and incidents: through the running daemon, or in the database of a stopped one.

use jiff::Timestamp;

use super::{Common, Failure};
use crate::daemon::changes::{self, Change, Changed};
use crate::daemon::config::Config;
use crate::daemon::control::{self, Command, Reply};
use crate::daemon::incidents::{self, Done, IncidentChange};
use crate::oncall::Roster;
use crate::store::Store;

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

fn change_stopped(config: &Config, change: &Change) -> Result<Changed, Failure> {
    Ok(changes::carry_out(&open_with_people(config)?, change, Timestamp::now())?)
}

/// The database of a stopped daemon. The on-call file is applied first, as the next start would do: the change may be
/// about what is new in it.
fn open_with_people(config: &Config) -> Result<Store, Failure> {
    let store = super::open_stopped(config)?;
    if let Some((_, roster)) = &config.oncall {
        store.apply_roster(roster, false)?;
    }
    Ok(store)
}

/// Changes incidents, quiet times or the outbox; answers what became of it, and the settings.
pub fn change_incident(common: &Common, change: IncidentChange) -> Result<(Done, Config), Failure> {
    let (config, _) = common.load()?;
    let done = match control::ask(&config.data_dir, &Command::Incident(change.clone()))? {
        Some(Reply::Incident(done)) => done,
        Some(Reply::Failed(why)) => return Err(Failure::Failed(why)),
        Some(_) => return Err(Failure::Failed("the daemon answered something else".to_owned())),
        None => {
            let store = open_with_people(&config)?;
            incidents::carry_out_stopped(&store, &change, Timestamp::now())?
        }
    };
    Ok((done, config))
}

/// Who types the command: the user of the system, also behind sudo.
pub fn typed_by() -> String {
    let uid = rustix::process::getuid();
    let behind_sudo = std::env::var("SUDO_USER").ok().filter(|name| uid.is_root() && !name.is_empty());
    let known = || {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let number = uid.as_raw().to_string();
        let user = users.lines().find(|line| line.split(':').nth(2) == Some(number.as_str()))?;
        user.split(':').next().map(str::to_owned)
    };
    behind_sudo.or_else(known).unwrap_or_else(|| format!("user {}", uid.as_raw()))
}
