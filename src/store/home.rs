//! Which database is in use: the right one, or, while that cannot be used, a spare one. Calls must be taken and
//! written down in either case; the right one is left as it is until an operator says otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use jiff::Timestamp;
use rusqlite::Connection;
use tracing::{error, info, warn};

use super::connection;
use super::health::Fault;
use super::spare::{self, Spare};
use super::{Reader, Store, StoreError, folder, merge, reconcile};

/// The spare database in use.
#[derive(Debug, Clone)]
pub(super) struct Away {
    database: PathBuf,
    /// It is lost with the machine.
    volatile: bool,
    /// The right one is damaged, and stays so until it has been set aside.
    damaged: bool,
}

impl Store {
    /// As [`Store::open`]; where the database cannot be used for a reason that lies with the disk or the file, a
    /// spare one is used in its place, and [`Store::health`] says so. What an earlier run has written into a spare
    /// one is brought back.
    pub fn open_or_spare(data_dir: &Path) -> Result<Self, StoreError> {
        folder::create(data_dir)?;
        let lock = folder::lock(data_dir)?;
        let home = folder::database(data_dir);
        let why = match connection::open_to_write(&home) {
            Ok(mut connection) => {
                bring_back(&mut connection, data_dir, &home);
                return Ok(Self::on(data_dir, Reader::on(&home, connection), lock));
            }
            Err(why) if why.leaves_calls_possible() => why,
            Err(why) => return Err(why),
        };
        let (reader, away) = match go_away(data_dir, &why) {
            Ok((connection, away)) => (Reader::on(&away.database, connection), away),
            Err(second) => {
                error!(why = %second, "there is no place for a spare database either");
                return Err(why);
            }
        };
        let store = Self::on(data_dir, reader, lock);
        store.note_away(away, &why);
        Ok(store)
    }

    /// Goes on with a spare database from now on, because the right one turned out not to be usable. To be called
    /// before the journal is written.
    pub fn use_spare(&self, why: &StoreError) -> Result<(), StoreError> {
        let (connection, away) = go_away(&self.data_dir, why)?;
        let mut in_use = self.reader.lock();
        *in_use = connection;
        self.reader.place.change().clone_from(&away.database);
        drop(in_use);
        self.note_away(away, why);
        Ok(())
    }

    fn note_away(&self, away: Away, why: &StoreError) {
        let spare = away.database.display();
        error!(%why, %spare, "ALARM: the database cannot be used: calls are taken and written into a spare one");
        self.gauge.on_spare(why.fault(), &why.to_string(), away.volatile);
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(away);
    }

    /// Whether a spare database is in use.
    pub fn is_away(&self) -> bool {
        self.away().is_some()
    }

    fn away(&self) -> Option<Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes back to the right database, if it can be used again, with everything that was written meanwhile. A
    /// damaged one is not tried before [`Store::set_aside`]. Answers whether it did. Waits for the disk.
    pub fn go_home(&self) -> Result<bool, StoreError> {
        match self.away() {
            Some(away) if !away.damaged => self.return_from(&away).map(|()| true),
            _ => Ok(false),
        }
    }

    fn return_from(&self, away: &Away) -> Result<(), StoreError> {
        let home = folder::database(&self.data_dir);
        let is_new = !home.exists();
        let mut connection = connection::open_to_write(&home)?;
        let failed = |source| StoreError::from_sqlite(&home, source);
        // Nothing is written anywhere meanwhile.
        let mut in_use = self.reader.lock();
        let mut place = self.reader.place.change();
        if is_new {
            spare::take_over(&connection, &away.database);
        }
        // Calls of the run before are closed while those of this one are not yet there.
        reconcile::close_earlier(&mut connection, Timestamp::now()).map_err(failed)?;
        let calls = merge::merge(&mut connection, &away.database).map_err(failed)?;
        *in_use = connection;
        place.clone_from(&home);
        drop((place, in_use));
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.gauge.at_home();
        // Notices and chases came along, or have waited there: nobody else tells of them.
        self.bell.ring();
        info!(calls, "the database is in use again, with what was written into the spare one");
        discard(&away.database, &self.data_dir);
        Ok(())
    }

    /// Moves a damaged database out of the way, as the operator says, and goes on with a new one that has everything
    /// since. Answers where the damaged one is.
    pub fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let Some(away) = self.away().filter(|away| away.damaged) else {
            return Err(StoreError::NotDamaged { path: folder::database(&self.data_dir) });
        };
        let aside = move_aside(&folder::database(&self.data_dir))?;
        self.return_from(&away)?;
        Ok(aside)
    }

    /// The same while no daemon is running: the next one begins a new database.
    pub fn set_damaged_aside(data_dir: &Path) -> Result<PathBuf, StoreError> {
        let _lock = folder::lock(data_dir)?;
        let database = folder::database(data_dir);
        match connection::look_for_damage(&database) {
            Ok(()) => Err(StoreError::NotDamaged { path: database }),
            Err(StoreError::Damaged { .. }) => move_aside(&database),
            Err(why) => Err(why),
        }
    }
}

/// Opens the spare database, for this reason.
fn go_away(data_dir: &Path, why: &StoreError) -> Result<(Connection, Away), StoreError> {
    let Spare { database, connection, volatile } = spare::open(data_dir)?;
    Ok((connection, Away { database, volatile, damaged: why.fault() == Fault::Damaged }))
}

/// Brings back what earlier runs have written into spare databases.
fn bring_back(connection: &mut Connection, data_dir: &Path, home: &Path) {
    let is_new = connection::is_blank(connection);
    for database in spare::left(data_dir) {
        let brought = connection::open_and_migrate(&database).and_then(|spare| {
            drop(spare);
            if is_new {
                spare::take_over(connection, &database);
            }
            merge::merge(connection, &database).map_err(|source| StoreError::from_sqlite(home, source))
        });
        match brought {
            Ok(calls) => {
                info!(calls, "what was written into the spare database is in the right one");
                discard(&database, data_dir);
            }
            Err(why) => {
                let spare = database.display();
                error!(%why, %spare, "ALARM: what is in the spare database could not be brought back: it is kept");
            }
        }
    }
}

fn discard(spare: &Path, data_dir: &Path) {
    if let Err(why) = spare::remove(spare, data_dir) {
        warn!(%why, "the spare database could not be removed: nothing in it is missing elsewhere");
    }
}

/// Gives a database and its side files another name.
fn move_aside(database: &Path) -> Result<PathBuf, StoreError> {
    let suffix = format!("damaged-{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
    let aside = |file: &Path| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{suffix}"));
        PathBuf::from(name)
    };
    for file in folder::files(database).into_iter().filter(|file| file.exists()) {
        fs::rename(&file, aside(&file)).map_err(|source| StoreError::folder(&file, source))?;
    }
    Ok(aside(database))
}
