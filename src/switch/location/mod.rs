//! Where a trunk's server is (RFC 3263): NAPTR, SRV, A and AAAA, and how long each answer may be used.
//!
//! | file | what it does |
//! |---|---|
//! | `records` | questions and answers as values |
//! | `search` | what to ask next, and what has been found: no DNS in it |
//! | `choice` | in which order the targets are tried (RFC 2782) |
//! | `kept` | how long a finding holds, and what is kept while name servers fail |
//! | `ask` | the questions on the wire |
//! | `names` | all names of the settings: what is due, and what is known now |

mod ask;
mod choice;
mod kept;
mod names;
mod records;
mod search;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;

pub use ask::Resolvers;
pub use choice::{Found, Location, Target};
pub use kept::{Entry, News};
pub use names::{Names, find};
pub use records::{Answer, Kind, Naptr, Question, Record, Srv};
pub use search::{NotFound, Search, Wanted, Way};
