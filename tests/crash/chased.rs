//! Somebody who is chased about messages: whoever phones is answered, and the key 1 is pressed.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::phone::{Phone, Scene};

/// The person.
pub struct Chased {
    pub address: SocketAddr,
    rung: Arc<(Mutex<usize>, Condvar)>,
    scene: Arc<Scene>,
}

impl Chased {
    pub fn new() -> Self {
        let line = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, rung, scene) = (line.local_addr().unwrap(), Arc::default(), Arc::<Scene>::default());
        let chased = Self { address, rung, scene };
        let (rung, scene) = (chased.rung.clone(), chased.scene.clone());
        std::thread::spawn(move || {
            while !scene.closed.load(Ordering::SeqCst) {
                takes_a_call(Phone::at(line.try_clone().unwrap(), &scene), &rung);
            }
        });
        chased
    }

    /// How often the phone has rung.
    pub fn rung(&self) -> usize {
        *self.rung.0.lock().unwrap()
    }

    /// Waits until it has rung more often; whether it did in this time.
    pub fn waits_for_more_than(&self, times: usize, time: Duration) -> bool {
        let (rung, news) = &*self.rung;
        !news.wait_timeout_while(rung.lock().unwrap(), time, |rung| *rung <= times).unwrap().1.timed_out()
    }
}

fn takes_a_call(mut phone: Phone, (rung, news): &(Mutex<usize>, Condvar)) {
    let Some(invite) = phone.is_rung() else { return };
    *rung.lock().unwrap() += 1;
    news.notify_all();
    if phone.picks_up(&invite) {
        phone.accepts();
        phone.stays_until(|seen| seen.over.is_some());
    }
}

impl Drop for Chased {
    fn drop(&mut self) {
        self.scene.closed.store(true, Ordering::SeqCst);
    }
}
