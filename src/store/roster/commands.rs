//! What commands change of who is on call. All of it outlives the on-call file's next reading.

use jiff::Timestamp;
use rusqlite::params;

use super::overrides;
use crate::oncall::{Availability, Override, PersonId, Phone, ScheduleId};
use crate::store::text::instant;
use crate::store::{Store, StoreError};

impl Store {
    /// Adds an override to a schedule, after all that are there; answers the number that names it.
    pub fn add_override(&self, schedule: &ScheduleId, entry: &Override) -> Result<i64, StoreError> {
        self.write(|connection| overrides::insert(connection, schedule, entry, false))
    }

    /// Takes an override away that a command has made; `false` where there is none of that number.
    pub fn remove_override(&self, id: i64) -> Result<bool, StoreError> {
        self.write(|connection| overrides::remove(connection, id))
    }

    /// Sets whether somebody may be rung, over what the file says; `None`: what the file says holds
    /// again. `false` where there is no such person.
    pub fn set_availability(
        &self,
        person: &PersonId,
        told: Option<Availability>,
    ) -> Result<bool, StoreError> {
        let available = told.map(|told| told.available);
        let until = told.and_then(|told| told.until).map(|until| until.to_string());
        self.write(|connection| {
            let sql = "UPDATE people SET available_by_command = ?2, available_by_command_until = ?3
                       WHERE id = ?1";
            Ok(connection.execute(sql, params![person.as_str(), available, until])? > 0)
        })
    }

    /// Notes that a phone's owner has confirmed it; `false` where this person has no such phone.
    pub fn confirm_phone(&self, person: &PersonId, phone: &Phone, at: Timestamp) -> Result<bool, StoreError> {
        let phone = phone.to_string();
        self.write(|connection| {
            let known = "SELECT count(*) FROM phones WHERE person_id = ?1 AND phone = ?2";
            let count: i64 = connection.query_row(known, [person.as_str(), &phone], |row| row.get(0))?;
            if count == 0 {
                return Ok(false);
            }
            let sql = "INSERT INTO phone_confirmations (person_id, phone, confirmed_at) VALUES (?1, ?2, ?3)
                       ON CONFLICT (person_id, phone) DO UPDATE SET confirmed_at = excluded.confirmed_at";
            connection.execute(sql, params![person.as_str(), phone, instant(at)])?;
            Ok(true)
        })
    }
}
