//! What the five services can be told to do with a call, row by row: the table in
//! `docs/five-services.md` names the setting and the test of each.

mod audio;
mod filter;
mod incidents;
mod menu;
mod screening;
mod targets;
mod waiting;
