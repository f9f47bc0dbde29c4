//! `people verify`: which phone is called by which hotline, and what is told of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::CallId;
use crate::call::plan::Snapshot;
use crate::call::verify::Verification;
use crate::oncall::{Person, PersonId, Phone, Target};
use crate::problem::nearest;
use crate::switch::trunks::Trunk;

/// What became of it. Serialises as `people verify --json`; the names are a promise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verified {
    /// The id of the person.
    pub person: String,
    /// The name of the person.
    pub name: String,
    /// The phone that was called.
    pub phone: String,
    /// The hotline that called.
    pub hotline: String,
    /// The id of the call in the log.
    pub call: String,
    /// Whether the phone is confirmed now.
    pub confirmed: bool,
    /// How it was confirmed, or why it was not.
    pub reason: String,
}

impl Verified {
    /// What is told of a call that went so.
    pub fn new(asked: &Verification) -> Self {
        Self {
            person: asked.person.id.to_string(),
            name: asked.person.name.clone(),
            phone: asked.phone.to_string(),
            hotline: asked.hotline.name.clone(),
            call: asked.call.to_string(),
            confirmed: false,
            reason: String::new(),
        }
    }
}

/// The call that is to be made. Without a phone it is the person's first one that is not confirmed yet. The
/// error says why none is made.
pub fn prepare(
    snapshot: &Snapshot,
    trunks: &[Trunk],
    person: &str,
    phone: Option<&str>,
) -> Result<Verification, String> {
    let id = PersonId::new(person);
    let Some(person) = snapshot.roster.people.get(&id) else {
        let unknown = snapshot.roster.check_target(&Target::Person(id.clone()));
        return Err(unknown.map_or_else(|why| why.to_string(), |()| format!("there is no person `{id}`")));
    };
    let phone = match phone {
        Some(written) => named(person, written)?,
        None => unconfirmed(person)?,
    };
    let may_dial = |name: &String| trunks.iter().any(|trunk| trunk.name == *name && trunk.may_dial(&phone));
    let able = snapshot.hotlines.iter().filter(|hotline| hotline.trunks.iter().any(may_dial));
    let (on, off): (Vec<_>, Vec<_>) = able.partition(|hotline| hotline.enabled);
    let Some(hotline) = on.into_iter().chain(off).next() else {
        return Err(format!("no trunk of a hotline may dial {phone}: see `destinations`"));
    };
    Ok(Verification {
        call: CallId::new(Timestamp::now(), rand::random()),
        hotline: Arc::clone(hotline),
        person: person.clone(),
        phone,
    })
}

fn named(person: &Person, written: &str) -> Result<Phone, String> {
    let phone = Phone::parse(written).map_err(|error| format!("`{written}`: {error}"))?;
    if person.phones.iter().any(|own| own.phone == phone) {
        return Ok(phone);
    }
    let known: Vec<String> = person.phones.iter().map(|own| own.phone.to_string()).collect();
    let near = nearest(written, known.iter().map(String::as_str));
    let help = near.map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
    Err(format!("{} has no phone `{written}`: {help}", person.name))
}

fn unconfirmed(person: &Person) -> Result<Phone, String> {
    if let Some(own) = person.phones.iter().find(|own| !own.confirmed) {
        return Ok(own.phone.clone());
    }
    match person.phones.is_empty() {
        true => Err(format!("{} has no phone", person.name)),
        false => Err(format!(
            "all phones of {} are confirmed: name one with --phone to call it all the same",
            person.name
        )),
    }
}
