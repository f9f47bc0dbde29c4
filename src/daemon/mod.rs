//! The door: settings composed, start, reload, stop.
