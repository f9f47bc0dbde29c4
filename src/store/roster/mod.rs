//! Who is on call, as it is kept: the on-call file's content, and what commands have said since.

mod change;
mod commands;
mod hours;
mod load;
mod overrides;
mod save;

use crate::oncall::{Origin, Override, Roster};

pub use change::{Change, ChangeKind};

use super::{Reader, Store, StoreError};
use load::View;

impl Reader {
    /// Everybody and everything that can be on call, with what commands have changed.
    pub fn load_roster(&self) -> Result<Roster, StoreError> {
        self.read(|connection| load::roster(connection, View::Effective))
    }

    /// What would hold if `file`, the content of an on-call file, were applied: with all that commands
    /// have changed and that still means something in it.
    pub fn roster_with(&self, file: &Roster) -> Result<Roster, StoreError> {
        let mut roster = without_overrides_by_command(file);
        let (current, confirmed) = self.read(|connection| {
            Ok((load::roster(connection, View::Effective)?, load::confirmations(connection)?))
        })?;
        for (id, person) in &mut roster.people {
            person.by_command = current.people.get(id).and_then(|known| known.by_command);
            for own in &mut person.phones {
                own.confirmed |= confirmed.iter().any(|(owner, phone)| owner == id && *phone == own.phone);
            }
        }
        let lost: Vec<i64> =
            change::overrides_that_go(&current, file).into_iter().map(|(id, _)| id).collect();
        for (id, schedule) in &mut roster.schedules {
            let known = current.schedules.get(id).into_iter().flat_map(|known| known.overrides.iter());
            let kept = |over: &&Override| matches!(over.origin, Origin::Command(id) if !lost.contains(&id));
            schedule.overrides = schedule.overrides.iter().chain(known.filter(kept)).cloned().collect();
        }
        Ok(roster)
    }
}

impl Store {
    /// Makes `new`, the content of an on-call file, the current one, in one transaction; answers what
    /// changes by it. With `dry_run` nothing is done.
    ///
    /// What came by command is kept: availability, confirmed phones, and overrides whose people, schedule
    /// and rotation are still there. Overrides in `new` that do not come from a file are therefore passed over.
    pub fn apply_roster(&self, new: &Roster, dry_run: bool) -> Result<Vec<Change>, StoreError> {
        self.write(|connection| {
            let old = load::roster(connection, View::File)?;
            let new = without_overrides_by_command(new);
            let mut changes = change::between(&old, &new);
            let lost = change::overrides_that_go(&load::roster(connection, View::Effective)?, &new);
            if !dry_run && old != new {
                lost.iter().try_for_each(|(id, _)| overrides::remove(connection, *id).map(drop))?;
                save::roster(connection, &old, &new)?;
            }
            changes.extend(lost.into_iter().map(|(_, change)| change));
            Ok(changes)
        })
    }
}

fn without_overrides_by_command(roster: &Roster) -> Roster {
    let mut roster = roster.clone();
    for schedule in roster.schedules.values_mut() {
        let of_file = schedule.overrides.iter().filter(|entry| entry.origin == Origin::File);
        schedule.overrides = of_file.cloned().collect();
    }
    roster
}
