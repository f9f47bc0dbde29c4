//! A media thread: waits for packets, orders and deadlines, and never for anything else.
//!
//! Orders come over a channel with an eventfd beside it. Deadlines are kept in whole milliseconds,
//! so that legs that are due together share a wake-up, on a timer that is set to an absolute time
//! and only when the nearest deadline changed. Without a leg nothing is set, and the thread sleeps.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use super::command::{Command, Token};
use super::leg::Leg;
use super::wire;

/// What an event of epoll is about: a leg's socket is twice the leg's place, plus one for RTCP.
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// Events taken at once.
const BATCH: usize = 256;
/// The largest datagram taken; audio of 20 ms needs 172 octets.
const MAX_DATAGRAM: usize = 2_048;
/// Places in the grid of 20 ms over which legs are spread, in ms; prime to 20.
const SPREAD_MS: u64 = 7;

/// A media thread.
#[derive(Debug)]
pub(super) struct MediaThread {
    epoll: OwnedFd,
    /// Kept open: the last order to end must still wake us when all who gave orders are gone.
    _wake: Arc<OwnedFd>,
    timer: OwnedFd,
    commands: Receiver<Command>,
    media_timeout: Duration,
    legs: Vec<Option<Leg>>,
    places: HashMap<Token, usize>,
    deadlines: Deadlines,
    buffer: Box<[u8; MAX_DATAGRAM]>,
}

impl MediaThread {
    pub fn new(commands: Receiver<Command>, wake: Arc<OwnedFd>, media_timeout: Duration) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // Edge-triggered, so neither ever needs to be read.
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), edge)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), edge)?;
        Ok(Self {
            epoll,
            _wake: wake,
            timer,
            commands,
            media_timeout,
            legs: Vec::new(),
            places: HashMap::new(),
            deadlines: Deadlines::new(),
            buffer: Box::new([0; MAX_DATAGRAM]),
        })
    }

    /// Runs until it is told to end.
    pub fn run(mut self) {
        let mut events = Vec::with_capacity(BATCH);
        loop {
            // A fault in one leg must not take the calls of all others with it.
            match catch_unwind(AssertUnwindSafe(|| self.round(&mut events))) {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => tracing::error!("a media thread met a fault of its own and goes on"),
            }
        }
    }

    /// One wait and all that came of it. Returns whether to go on.
    fn round(&mut self, events: &mut Vec<Event>) -> bool {
        self.deadlines.arm(&self.timer);
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "a media thread cannot wait for packets");
                return false;
            }
        }
        let now = Instant::now();
        // Orders first: what comes after an order was given is met by it. A place may so change hands
        // while an event for it is at hand; its socket then has nothing to give.
        if events.iter().any(|event| event.data.u64() == WAKE) && !self.obey(now) {
            return false;
        }
        for socket in events.iter().map(|event| event.data.u64()).filter(|data| *data < TIMER) {
            self.receive(now, socket);
        }
        self.tick(now);
        true
    }

    fn receive(&mut self, now: Instant, socket: u64) {
        let Ok(place) = usize::try_from(socket / 2) else { return };
        let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) else { return };
        let buffer = &mut self.buffer[..];
        if socket % 2 == 1 {
            if let Some((len, from)) = wire::receive(&leg.wire.pair.rtcp, buffer) {
                leg.receive_report(now, buffer.get_mut(..len).unwrap_or_default(), from);
            }
            return;
        }
        let Some((len, from)) = wire::receive(&leg.wire.pair.rtp, buffer) else { return };
        let datagram = buffer.get_mut(..len).unwrap_or_default();
        let Some(onward) = leg.receive(now, datagram, from) else { return };
        let Some(place) = leg.partner else { return };
        if let Some(partner) = self.legs.get_mut(place).and_then(Option::as_mut) {
            partner.forward(now, &onward, datagram);
            self.deadlines.set(place, partner.deadline());
        }
    }

    fn tick(&mut self, now: Instant) {
        while let Some(place) = self.deadlines.next_due(now) {
            if let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) {
                leg.tick(now);
                self.deadlines.set(place, leg.deadline());
            }
        }
    }

    /// Obeys all orders there are. Returns whether to go on.
    fn obey(&mut self, now: Instant) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Shutdown) | Err(TryRecvError::Disconnected) => {
                    self.legs.iter_mut().flatten().for_each(|leg| leg.close(now));
                    return false;
                }
                Ok(command) => self.obey_one(now, command),
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn obey_one(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open(token, opening) => self.open(now, token, *opening),
            Command::Close(token) => self.close(now, token),
            Command::Bridge(one, other) => self.bridge(now, one, other),
            Command::Leg(token, order) => {
                let Some(place) = self.places.get(&token).copied() else { return };
                let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) else { return };
                order.carry_out(now, leg);
                self.deadlines.set(place, leg.deadline());
            }
            Command::Press(token, key) => self.press(now, token, key),
            // Taken care of where orders come in.
            Command::Shutdown => {}
        }
    }

    /// A key came in the signalling of a leg: its partner gets it too.
    fn press(&mut self, now: Instant, token: Token, key: char) {
        let Some(place) = self.places.get(&token).copied() else { return };
        let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) else { return };
        let new = leg.press(now, key);
        let Some(place) = leg.partner.filter(|_| new) else { return };
        if let Some(partner) = self.legs.get_mut(place).and_then(Option::as_mut) {
            partner.pass_key(now, key);
            self.deadlines.set(place, partner.deadline());
        }
    }

    fn open(&mut self, now: Instant, token: Token, opening: super::Opening) {
        let place = self.legs.iter().position(Option::is_none).unwrap_or(self.legs.len());
        let first_frame = self.deadlines.grid(now, token);
        let leg = Leg::new(now, opening, self.media_timeout, first_frame);
        if let Err(error) = self.listen(&leg, place) {
            // The leg stays deaf; its timeout ends it.
            tracing::error!(%error, "a media socket cannot be waited for");
        }
        self.places.insert(token, place);
        if place == self.legs.len() {
            self.legs.push(Some(leg));
        } else if let Some(free) = self.legs.get_mut(place) {
            *free = Some(leg);
        }
    }

    fn listen(&self, leg: &Leg, place: usize) -> io::Result<()> {
        let data = place as u64 * 2;
        let pair = &leg.wire.pair;
        epoll::add(&self.epoll, pair.rtp.as_fd(), EventData::new_u64(data), EventFlags::IN)?;
        epoll::add(&self.epoll, pair.rtcp.as_fd(), EventData::new_u64(data + 1), EventFlags::IN)?;
        Ok(())
    }

    fn close(&mut self, now: Instant, token: Token) {
        let Some(place) = self.places.remove(&token) else { return };
        self.part(now, place);
        self.deadlines.set(place, None);
        if let Some(mut leg) = self.legs.get_mut(place).and_then(Option::take) {
            leg.close(now);
        }
    }

    fn bridge(&mut self, now: Instant, one: Token, other: Token) {
        let places = (self.places.get(&one).copied(), self.places.get(&other).copied());
        let (Some(one), Some(other)) = places else { return };
        self.part(now, one);
        self.part(now, other);
        for (place, partner) in [(one, other), (other, one)] {
            if let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) {
                leg.bridge(now, partner);
                self.deadlines.set(place, leg.deadline());
            }
        }
    }

    /// Ends the bridge of a leg, if there is one.
    fn part(&mut self, now: Instant, place: usize) {
        let partner = self.legs.get(place).and_then(Option::as_ref).and_then(|leg| leg.partner);
        for place in [Some(place), partner].into_iter().flatten() {
            if let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) {
                leg.unbridge(now);
                self.deadlines.set(place, leg.deadline());
            }
        }
    }
}

/// When which leg is due, in ms since the thread began.
#[derive(Debug)]
struct Deadlines {
    begin: Instant,
    /// The same moment on the clock of the timer.
    begin_clock: Timespec,
    /// What is true for each leg; older entries of the queue are void.
    current: Vec<Option<u64>>,
    queue: BinaryHeap<Reverse<(u64, usize)>>,
    armed: Option<u64>,
}

impl Deadlines {
    fn new() -> Self {
        let begin_clock = clock_gettime(ClockId::Monotonic);
        Self {
            begin: Instant::now(),
            begin_clock,
            current: Vec::new(),
            queue: BinaryHeap::new(),
            armed: None,
        }
    }

    /// A point on the grid of 20 ms, from now on, that legs opened one after another do not share.
    fn grid(&self, now: Instant, token: Token) -> Instant {
        let elapsed = now.saturating_duration_since(self.begin).as_millis() as u64;
        let phase = token.0.wrapping_mul(SPREAD_MS) % 20;
        self.begin + Duration::from_millis((elapsed / 20 + 1) * 20 + phase)
    }

    fn set(&mut self, place: usize, deadline: Option<Instant>) {
        let ms = deadline.map(|deadline| {
            let since = deadline.saturating_duration_since(self.begin);
            u64::try_from(since.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
        });
        if self.current.len() <= place {
            self.current.resize(place + 1, None);
        }
        let Some(current) = self.current.get_mut(place) else { return };
        if *current != ms {
            *current = ms;
            self.queue.extend(ms.map(|ms| Reverse((ms, place))));
        }
    }

    /// The next leg that is due; its deadline is spent.
    fn next_due(&mut self, now: Instant) -> Option<usize> {
        let elapsed = now.saturating_duration_since(self.begin).as_millis();
        loop {
            let (ms, place) = self.nearest()?;
            if u128::from(ms) > elapsed {
                return None;
            }
            self.queue.pop();
            if let Some(current) = self.current.get_mut(place) {
                *current = None;
                return Some(place);
            }
        }
    }

    /// The nearest deadline that holds; void ones before it are forgotten.
    fn nearest(&mut self) -> Option<(u64, usize)> {
        while let Some(Reverse((ms, place))) = self.queue.peek().copied() {
            if self.current.get(place).copied().flatten() == Some(ms) {
                return Some((ms, place));
            }
            self.queue.pop();
        }
        None
    }

    /// Sets the timer to the nearest deadline.
    fn arm(&mut self, timer: &OwnedFd) {
        let nearest = self.nearest().map(|(ms, _)| ms);
        if nearest == self.armed {
            return;
        }
        // All zero switches the timer off.
        let off = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = nearest.map_or(off, |ms| self.clock(ms));
        let spec = Itimerspec { it_interval: off, it_value };
        match timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &spec) {
            Ok(_) => self.armed = nearest,
            Err(error) => tracing::error!(%error, "the timer of a media thread cannot be set"),
        }
    }

    fn clock(&self, ms: u64) -> Timespec {
        let nanos = self.begin_clock.tv_nsec + (ms % 1000) as i64 * 1_000_000;
        let seconds = self.begin_clock.tv_sec.saturating_add((ms / 1000) as i64);
        Timespec { tv_sec: seconds.saturating_add(nanos / 1_000_000_000), tv_nsec: nanos % 1_000_000_000 }
    }
}
