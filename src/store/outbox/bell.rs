//! Tells the workers that something was put into the outbox: none of them looks for itself.

use tokio::sync::watch;

/// Rung after each COMMIT that may have put something into the outbox, or changed what waits there.
#[derive(Debug, Clone)]
pub struct Bell(watch::Sender<u64>);

impl Default for Bell {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Bell {
    /// Something may wait.
    pub fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Whoever holds this can wait for the next time it is rung.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
