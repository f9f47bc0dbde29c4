//! Targets, told over real sockets: each service is played by a server written from its public document.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests say what broke"
)]

mod bench;
mod chats;
mod discord;
mod mail_server;
mod mattermost;
mod push;
mod service;
mod slack;
mod smtp;
mod teams;
