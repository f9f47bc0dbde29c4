//! The door: settings composed, start, reload, stop.

pub mod alarms;
mod background;
pub mod changes;
mod chase;
pub mod config;
pub mod control;
pub mod expect;
pub mod feeds;
pub mod findings;
pub mod incidents;
pub mod limits;
pub mod logging;
pub mod messages;
mod obey;
pub mod outbox;
mod parse;
pub mod probe;
pub mod reading;
pub mod recovery;
pub mod retention;
mod secrets;
pub mod start;
pub mod storage;
pub mod transcript;
pub mod verify;

/// Runs what waits for the disk or the network away from the calls.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        // The daemon is stopping.
        Err(_) => std::future::pending().await,
    }
}
