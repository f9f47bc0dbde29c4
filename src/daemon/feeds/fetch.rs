//! Fetches a calendar: a file, or an address over HTTPS. In bounds of time and size, whatever the other side does.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use ureq::{Agent, Error};

use super::Place;
use crate::oncall::ical::MOST_OCTETS;
use crate::store::CalendarCopy;
use crate::web;

/// How long all of it may take, redirects and body included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How often we let ourselves be sent elsewhere.
const REDIRECTS: u32 = 5;
/// More than a calendar may have, so that one that is too long is known for it.
const LIMIT: u64 = MOST_OCTETS as u64 + 1;

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The kept copy is the newest.
    Unchanged,
    /// A copy.
    Copy {
        /// What it says.
        octets: Vec<u8>,
        /// What its server calls it.
        etag: Option<String>,
        /// When its server changed it last.
        last_modified: Option<String>,
    },
}

/// Fetches calendars.
#[derive(Debug)]
pub struct Fetcher {
    agent: Option<Agent>,
}

impl Fetcher {
    /// One that trusts the authorities this machine trusts.
    pub fn new() -> Self {
        Self::with_patience(PATIENCE)
    }

    /// One that waits so long at most for all of a calendar, redirects and body included.
    pub(super) fn with_patience(patience: Duration) -> Self {
        let config = web::agent(web::trust())
            .timeout_global(Some(patience))
            .timeout_connect(Some(CONNECT))
            .max_redirects(REDIRECTS)
            .accept("text/calendar, */*;q=0.1")
            .build();
        Self { agent: Some(config.into()) }
    }

    /// One for files alone.
    pub fn for_files() -> Self {
        Self { agent: None }
    }

    /// Fetches a calendar, or learns that the kept copy is the newest. Blocks. The reason of a failure tells nothing of
    /// the address but its host.
    pub fn fetch(&self, place: &Place, kept: Option<&CalendarCopy>) -> Result<Fetched, String> {
        match (place, &self.agent) {
            (Place::File(path), _) => file(path),
            (Place::Web(address), Some(agent)) => web(agent, address, kept),
            (Place::Web(_), None) => Err("the network is not asked now".to_owned()),
        }
    }
}

impl Default for Fetcher {
    fn default() -> Self {
        Self::new()
    }
}

fn file(path: &Path) -> Result<Fetched, String> {
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut octets));
    match read {
        Ok(_) => Ok(Fetched::Copy { octets, etag: None, last_modified: None }),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

fn web(agent: &Agent, address: &str, kept: Option<&CalendarCopy>) -> Result<Fetched, String> {
    // Who asks over TLS is not sent to where anybody can read along.
    let mut request = agent.get(address).config().https_only(address.starts_with("https://")).build();
    if let Some(kept) = kept.filter(|kept| kept.copy.is_some()) {
        for (name, value) in [("If-None-Match", &kept.etag), ("If-Modified-Since", &kept.last_modified)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
    }
    let mut response = request.call().map_err(|error| plain(&error))?;
    match response.status().as_u16() {
        304 if kept.is_some_and(|kept| kept.copy.is_some()) => return Ok(Fetched::Unchanged),
        200 => {}
        401 | 403 => return Err("the server refuses it: is the address still the right one?".to_owned()),
        404 | 410 => {
            return Err("the server has no such calendar: is the address still the right one?".to_owned());
        }
        status => return Err(format!("the server answered {status}")),
    }
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (etag, last_modified) = (header("etag"), header("last-modified"));
    let octets =
        response.body_mut().with_config().limit(LIMIT).read_to_vec().map_err(|error| plain(&error))?;
    Ok(Fetched::Copy { octets, etag, last_modified })
}

/// What went wrong, in words that hold no address.
fn plain(error: &Error) -> String {
    match error {
        Error::BodyExceedsLimit(_) => format!("the calendar is longer than {} MiB", MOST_OCTETS >> 20),
        error => web::plain(error),
    }
}
