//! Changes of a case that are no facts: something is forgotten.

use rusqlite::{Connection, OptionalExtension, params};

use crate::call::CallId;
use crate::incident::Case;

/// Changes the case of a call, if it has one. A case that cannot be read is removed: nobody could say what it holds.
pub(super) fn change(
    connection: &Connection,
    call: CallId,
    change: impl FnOnce(&mut Case),
) -> rusqlite::Result<()> {
    let call = call.to_string();
    let state: Option<String> = connection
        .prepare_cached("SELECT state FROM incident_cases WHERE call_id = ?1")?
        .query_row([&call], |row| row.get(0))
        .optional()?;
    let Some(state) = state else { return Ok(()) };
    let changed = serde_json::from_str::<Case>(&state).and_then(|mut case| {
        change(&mut case);
        serde_json::to_string(&case)
    });
    match changed {
        Ok(state) => connection
            .prepare_cached("UPDATE incident_cases SET state = ?2 WHERE call_id = ?1")?
            .execute(params![call, state])?,
        Err(error) => {
            tracing::error!(call, %error, "the case of a call cannot be read: it is removed");
            connection.execute("DELETE FROM incident_cases WHERE call_id = ?1", [&call])?
        }
    };
    Ok(())
}
