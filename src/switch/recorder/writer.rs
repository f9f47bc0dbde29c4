//! The recorder's thread.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Order;
use super::file::Recording;
use crate::call::leg::Recorded;

/// How often what was recorded is made safe.
const SYNC_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    orders: Receiver<Order>,
    waiting: Arc<AtomicUsize>,
    open: HashMap<u64, Open>,
    next_sync: Instant,
}

struct Open {
    recording: Recording,
    done: oneshot::Sender<Recorded>,
}

impl Writer {
    pub fn new(orders: Receiver<Order>, waiting: Arc<AtomicUsize>) -> Self {
        Self { orders, waiting, open: HashMap::new(), next_sync: Instant::now() }
    }

    /// Runs until nobody can give orders any more.
    pub fn run(mut self) {
        loop {
            match self.next_order() {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if !self.open.is_empty() && Instant::now() >= self.next_sync {
                self.sync();
            }
        }
    }

    /// Waits for an order: until the next sync while something is recorded, else for as long as it
    /// takes.
    fn next_order(&self) -> Result<Order, RecvTimeoutError> {
        if self.open.is_empty() {
            return self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        self.orders.recv_timeout(self.next_sync.saturating_duration_since(Instant::now()))
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open { id, path, done } => self.begin(id, path, done),
            Order::Samples { id, at, samples } => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.recording.write(at, &samples);
                }
                self.waiting.fetch_sub(samples.len(), Ordering::Relaxed);
            }
            Order::Finish { id, cut, dropped } => {
                if let Some(open) = self.open.remove(&id) {
                    // The script may have ended before its recording.
                    let _ = open.done.send(open.recording.finish(cut, dropped));
                }
            }
        }
    }

    fn begin(&mut self, id: u64, path: PathBuf, done: oneshot::Sender<Recorded>) {
        if self.open.is_empty() {
            self.next_sync = Instant::now() + SYNC_EVERY;
        }
        self.open.insert(id, Open { recording: Recording::create(path), done });
    }

    fn sync(&mut self) {
        for open in self.open.values_mut() {
            open.recording.sync();
        }
        // Counted from now: a disk that needs longer than a second must not be asked without pause.
        self.next_sync = Instant::now() + SYNC_EVERY;
    }
}
