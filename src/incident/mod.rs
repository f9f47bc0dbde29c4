//! Incidents: what a call comes to beside the call itself, as values.
//!
//! A [`Case`] takes the facts of one call, one after another, and answers what follows from them by the
//! [`Policy`] of the route: an incident is opened, acknowledged, resolved, and [`Notice`]s of it are to be sent.
//! It is pure: the store keeps it and writes what follows in the transaction of the fact itself.

mod case;
#[cfg(test)]
mod case_tests;
pub mod chase;
mod effect;
mod fact;
mod notice;
mod policy;
mod record;
mod title;
mod turn;

pub use case::{Case, FORGOTTEN, Known};
pub use effect::{Effect, Quiet, Tell};
pub use fact::{Ending, Fact, Message, Routed};
pub use notice::{Event, Notice, Party, Recipient, Sound};
pub use policy::{Abandoned, Answered, Assign, Moment, NotifyWhen, Policy, Severity, Unanswered};
pub use record::{Act, Incident, Status};
