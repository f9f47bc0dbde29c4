//! The way to a media thread: orders, and an eventfd that wakes it for them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use rustix::event::{EventfdFlags, eventfd};

use super::command::Command;

/// Orders that may wait. A thread that has more of them before it does not keep up, and gets no new legs;
/// what concerns legs that are there always gets through.
const MANY: usize = 8_192;

/// Where orders are given.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    orders: Sender<Command>,
    waiting: Arc<AtomicUsize>,
    wake: Arc<OwnedFd>,
}

/// Where they come out, on the thread.
#[derive(Debug)]
pub(super) struct Orders {
    orders: Receiver<Command>,
    waiting: Arc<AtomicUsize>,
    /// Becomes readable with each order, and never needs to be read by an edge-triggered poll.
    pub wake: Arc<OwnedFd>,
}

/// Both ends.
pub(super) fn mailbox() -> io::Result<(Mailbox, Orders)> {
    let (sender, receiver) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let mailbox = Mailbox { orders: sender, waiting: Arc::clone(&waiting), wake: Arc::clone(&wake) };
    Ok((mailbox, Orders { orders: receiver, waiting, wake }))
}

impl Mailbox {
    /// Gives an order. Gives it back if there is no thread any more to obey it.
    pub fn send(&self, command: Command) -> Result<(), Command> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.orders.send(command).map_err(|back| back.0)?;
        wake(&self.wake);
        Ok(())
    }

    /// Whether the thread has fallen too far behind to take new legs.
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > MANY
    }
}

impl Orders {
    /// The next order, if there is one.
    pub fn next(&self) -> Result<Command, TryRecvError> {
        let next = self.orders.try_recv();
        if next.is_ok() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        next
    }

    /// Has the thread look for orders once more.
    pub fn look_again(&self) {
        wake(&self.wake);
    }
}

fn wake(eventfd: &OwnedFd) {
    // It fails only when the counter is full, and then the thread is being woken already.
    let _ = rustix::io::write(eventfd, &1_u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::media::command::Token;

    #[test]
    fn a_thread_that_does_not_keep_up_is_full_until_it_has_caught_up() {
        let (mailbox, orders) = mailbox().expect("an eventfd");
        for n in 0..=MANY as u64 {
            mailbox.send(Command::Close(Token(n))).expect("it is there");
        }
        assert!(mailbox.is_full());
        mailbox.send(Command::Shutdown).expect("orders get through all the same");
        while orders.next().is_ok() {}
        assert!(!mailbox.is_full());
    }

    #[test]
    fn an_order_without_a_thread_comes_back() {
        let (mailbox, orders) = mailbox().expect("an eventfd");
        drop(orders);
        assert!(matches!(mailbox.send(Command::Shutdown), Err(Command::Shutdown)));
    }
}
