//! Who is on call at a given time, and who is to be rung: pure, without a clock or a file.

mod language;
mod phone;

pub use language::Language;
pub use phone::{E164, NumberError, Phone, PhoneError, SipAddress};
