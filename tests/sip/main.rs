//! The SIP room from outside: foreign messages, a foreign reader, and rules that hold for every input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod carrier;
mod challenged;
mod desk;
mod guarded;
mod identity;
mod objections;
mod pair;
mod properties;
mod protected;
mod races;
mod rates;
mod registration;
mod reliable;
mod routes;
mod scenarios;
mod sessions;
mod shared;
mod torture;
mod wire_desk;

// The rules of the fuzz targets, which hold on stable Rust too.
#[path = "../../fuzz/checks/sdp.rs"]
mod sdp;
#[path = "../../fuzz/checks/sip_message.rs"]
mod sip_message;
#[path = "../../fuzz/checks/uri.rs"]
mod uri;
