//! Targets, told over real sockets: each service is played by a server written from its public document.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests say what broke"
)]

mod alertmanager;
mod allquiet;
mod bench;
mod chats;
mod discord;
mod goalert;
mod grafana;
mod ilert;
mod incidentio;
mod mail_server;
mod mattermost;
mod opsgenie;
mod pagerduty;
mod push;
mod service;
mod slack;
mod sms;
mod smtp;
mod teams;
mod tools;
mod webhook;
mod wire;
