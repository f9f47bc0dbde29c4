//! A media thread: waits for packets, orders and deadlines, and never for anything else.
//!
//! Orders come over a channel with an eventfd beside it. Deadlines are kept in whole milliseconds,
//! so that legs that are due together share a wake-up, on a timer that is set to an absolute time
//! and only when the nearest deadline changed. Without a leg nothing is set, and the thread sleeps.
//!
//! While many legs are heard and none is bridged, the thread looks once a millisecond, and takes what has come
//! together: what is recorded, or listened to for keys, is in no hurry, and most of what a packet costs is the waking.
//!
//! Nothing is allocated for a packet. A fault in one leg (a panic) ends that leg, and the thread goes on.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use super::command::{Command, Token};
use super::deadlines::{Deadlines, Due};
use super::leg::{Leg, Owed};
use super::mailbox::Orders;
use super::priority::{Governor, Priority};
use super::room::{MOST, Room};
use super::voice::FRAME_TIME;
use super::wire;
use crate::audio::mix::{Mix, fade_out};
use crate::switch::clip::FRAME;

/// What an event of epoll is about: a leg's socket is twice the leg's place, plus one for RTCP.
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// Events taken at once.
const BATCH: usize = 256;
/// The largest datagram taken; audio of 20 ms needs 172 octets.
const MAX_DATAGRAM: usize = 2_048;
/// From so many legs on, packets that nobody waits for are taken together.
const CROWD: usize = 64;
/// After the last relayed packet, no packet is kept waiting for so long.
const HURRY: Duration = Duration::from_millis(100);
/// Places in the grid of 20 ms over which legs are spread, in ms; prime to 20.
const SPREAD_MS: u64 = 7;

/// A media thread.
#[derive(Debug)]
pub(super) struct MediaThread {
    epoll: OwnedFd,
    timer: Timer,
    orders: Orders,
    media_timeout: Duration,
    /// Each in memory of its own, which is given back when the leg ends.
    legs: Vec<Option<Box<Leg>>>,
    /// Rooms; each has a place that no leg has.
    rooms: HashMap<usize, Room>,
    /// Places of `legs` that are empty, and no room's.
    free: Vec<usize>,
    places: HashMap<Token, usize>,
    deadlines: Deadlines,
    buffer: Box<[u8; MAX_DATAGRAM]>,
    /// The leg that is being seen to: if something breaks, it is the one.
    at_hand: Option<usize>,
    /// When a packet was last passed on to a partner.
    relayed: Option<Instant>,
    /// Packets came in the last round.
    packets_came: bool,
}

impl MediaThread {
    pub fn new(orders: Orders, media_timeout: Duration) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let begin = Instant::now();
        let timer = Timer::new()?;
        // Edge-triggered, so neither ever needs to be read.
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &orders.wake, EventData::new_u64(WAKE), edge)?;
        epoll::add(&epoll, &timer.fd, EventData::new_u64(TIMER), edge)?;
        Ok(Self {
            epoll,
            timer,
            orders,
            media_timeout,
            legs: Vec::new(),
            rooms: HashMap::new(),
            free: Vec::new(),
            places: HashMap::new(),
            deadlines: Deadlines::new(begin),
            buffer: Box::new([0; MAX_DATAGRAM]),
            at_hand: None,
            relayed: None,
            packets_came: false,
        })
    }

    /// Takes the best priority there is, tells which, and runs until it is told to end.
    pub fn run(mut self, granted: &SyncSender<Priority>) {
        let mut governor = Governor::take(Instant::now());
        // Whoever started us may have given up meanwhile.
        let _ = granted.send(governor.granted());
        let mut events = Vec::with_capacity(BATCH);
        loop {
            // A fault in one leg must not take the calls of all others with it.
            match catch_unwind(AssertUnwindSafe(|| self.round(&mut events, &mut governor))) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => self.end_what_broke(),
            }
        }
        // After an order to end there are none any more.
        for leg in self.legs.drain(..).flatten() {
            leg.tell_broken();
        }
    }

    /// One wait and all that came of it. Returns whether to go on.
    fn round(&mut self, events: &mut Vec<Event>, governor: &mut Governor) -> bool {
        self.timer.set(self.deadlines.nearest());
        if let Err(error) = self.wait(events) {
            tracing::error!(%error, "ALARM: a media thread cannot wait for packets: its calls are ended");
            return false;
        }
        let now = Instant::now();
        governor.look(now);
        // Orders first: what comes after an order was given is met by it. A place may so change hands
        // while an event for it is at hand; its socket then has nothing to give.
        if events.iter().any(|event| event.data.u64() == WAKE) && !self.obey(now) {
            return false;
        }
        self.packets_came = false;
        for socket in events.iter().map(|event| event.data.u64()).filter(|data| *data < TIMER) {
            self.packets_came = true;
            self.receive(now, socket);
        }
        self.tick(now);
        self.at_hand = None;
        true
    }

    /// Waits for packets, orders and deadlines. What is there already is never kept waiting.
    fn wait(&self, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if self.is_unhurried() {
            poll(&self.epoll, events, Some(&at_once))?;
            if !events.is_empty() {
                return Ok(());
            }
            self.timer.rest();
        }
        poll(&self.epoll, events, None)
    }

    /// Whether packets come, and may be taken together.
    fn is_unhurried(&self) -> bool {
        let relays = || self.relayed.is_some_and(|at| at.elapsed() < HURRY);
        self.packets_came && self.places.len() >= CROWD && !relays()
    }

    /// Ends the leg in which something broke. Its call ends with it, and the others go on.
    fn end_what_broke(&mut self) {
        // Orders behind the one that broke would not wake us again.
        self.orders.look_again();
        let Some(place) = self.at_hand.take() else {
            return tracing::error!("ALARM: a media thread met a fault of its own and goes on");
        };
        let Some(leg) = self.take_out(place) else { return };
        tracing::error!("ALARM: something broke in the audio of a leg: its call is ended");
        leg.tell_broken();
        self.places.retain(|_, other| *other != place);
        self.rooms.values_mut().for_each(|room| room.leave(place));
        if let Some(partner) = leg.partner {
            self.with(partner, |partner| partner.unbridge(Instant::now()));
        }
    }

    /// Sees to a leg and to what it has to do next.
    fn with<T>(&mut self, place: usize, work: impl FnOnce(&mut Leg) -> T) -> Option<T> {
        let leg = self.legs.get_mut(place)?.as_mut()?;
        self.at_hand = Some(place);
        let done = work(leg);
        self.deadlines.set(place, leg.deadline());
        Some(done)
    }

    /// Takes a leg from its place, which is free then.
    fn take_out(&mut self, place: usize) -> Option<Box<Leg>> {
        let leg = self.legs.get_mut(place)?.take()?;
        self.deadlines.set(place, None);
        self.free.push(place);
        Some(leg)
    }

    fn receive(&mut self, now: Instant, socket: u64) {
        let Ok(place) = usize::try_from(socket / 2) else { return };
        let Some(leg) = self.legs.get_mut(place).and_then(Option::as_mut) else { return };
        self.at_hand = Some(place);
        let buffer = &mut self.buffer[..];
        if socket % 2 == 1 {
            if let Some((len, from)) = wire::receive(&leg.wire.pair.rtcp, buffer) {
                leg.receive_report(now, buffer.get_mut(..len).unwrap_or_default(), from);
            }
            return;
        }
        let Some((len, from)) = wire::receive(&leg.wire.pair.rtp, buffer) else { return };
        let datagram = buffer.get_mut(..len).unwrap_or_default();
        let onward = leg.receive(now, datagram, from);
        if leg.waits_until().is_some() {
            self.deadlines.set(place, leg.deadline());
        }
        let (partner, room, owed) = (leg.partner, leg.room, leg.take_owed());
        self.tell_others(now, place, owed);
        let Some(onward) = onward else { return };
        if room.is_some() {
            return self.tell_others(now, place, [onward.key(), None]);
        }
        let Some(place) = partner else { return };
        if let Some(partner) = self.legs.get_mut(place).and_then(Option::as_mut) {
            self.at_hand = Some(place);
            self.relayed = Some(now);
            partner.forward(now, &onward, self.buffer.get_mut(..len).unwrap_or_default());
            self.deadlines.set(place, partner.deadline());
        }
    }

    fn tick(&mut self, now: Instant) {
        while let Some(place) = self.deadlines.next_due(now) {
            if self.rooms.contains_key(&place) {
                self.tick_room(now, place);
                continue;
            }
            let owed = self.with(place, |leg| {
                leg.tick(now);
                leg.take_owed()
            });
            self.tell_others(now, place, owed.unwrap_or_default());
        }
    }

    /// Tells keys of a leg to whoever hears it.
    fn tell_others(&mut self, now: Instant, place: usize, keys: Owed) {
        for key in keys.into_iter().flatten() {
            let Some(leg) = self.legs.get(place).and_then(Option::as_ref) else { return };
            let room = leg.room.and_then(|room| self.rooms.get(&room)).map(Room::members);
            let others = room.unwrap_or_default().into_iter().chain([leg.partner]).flatten();
            for other in others.filter(|other| *other != place) {
                self.with(other, |leg| leg.pass_key(now, key));
            }
        }
    }

    /// The frames of a room that are due.
    fn tick_room(&mut self, now: Instant, place: usize) {
        let Some(room) = self.rooms.get_mut(&place).filter(|room| room.len() > 0) else {
            // Those who were in it have broken.
            return self.close_room(place);
        };
        let late = room.leave_out_late_frames(now);
        if late > 0 {
            self.each_member(place, |leg| leg.skip_frames(late));
        }
        while let Some(at) = self.rooms.get(&place).map(|room| room.next_frame).filter(|at| *at <= now) {
            self.mix(now, place, false);
            if let Some(room) = self.rooms.get_mut(&place) {
                room.next_frame = at + FRAME_TIME;
            }
        }
        self.deadlines.set(place, self.rooms.get(&place).map(|room| Due::At(room.next_frame)));
    }

    /// The next frame of a room; `last`: what follows is silence, or something else.
    fn mix(&mut self, now: Instant, place: usize, last: bool) {
        let Some(room) = self.rooms.get(&place) else { return };
        let (members, at) = (room.members(), room.next_frame);
        let (mut mix, mut voices) = (Mix::default(), [[0; FRAME]; MOST]);
        for (member, voice) in members.iter().zip(&mut voices) {
            let Some(member) = member else { continue };
            *voice = self.with(*member, |leg| leg.say(now)).unwrap_or(*voice);
            mix.add(voice);
        }
        for (member, voice) in members.iter().zip(&voices) {
            let Some(member) = member else { continue };
            let mut heard = mix.without(voice);
            if last {
                fade_out(&mut heard);
            }
            self.with(*member, |leg| leg.hear_room(at, &heard));
        }
    }

    fn each_member(&mut self, place: usize, mut work: impl FnMut(&mut Leg)) {
        let members = self.rooms.get(&place).map(Room::members).unwrap_or_default();
        for member in members.into_iter().flatten() {
            self.with(member, &mut work);
        }
    }

    /// Obeys all orders there are. Returns whether to go on.
    fn obey(&mut self, now: Instant) -> bool {
        loop {
            match self.orders.next() {
                Ok(Command::Shutdown) | Err(TryRecvError::Disconnected) => {
                    self.legs.drain(..).flatten().for_each(|mut leg| leg.close(now));
                    return false;
                }
                #[cfg(test)]
                Ok(Command::Break(None)) => return false,
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
            Command::Confer(all) => self.confer(now, &all),
            Command::Leg(token, order) => {
                let Some(place) = self.places.get(&token).copied() else { return };
                self.with(place, |leg| order.carry_out(now, leg));
            }
            Command::Press(token, key) => self.press(now, token, key),
            #[cfg(test)]
            Command::Break(token) => {
                let place = token.and_then(|token| self.places.get(&token).copied());
                self.with(place.expect("a leg that is there"), |_| panic!("as the test wants it"));
            }
            // Taken care of where orders come in.
            Command::Shutdown => {}
        }
    }

    /// A key came in the signalling of a leg: its partner gets it too.
    fn press(&mut self, now: Instant, token: Token, key: char) {
        let Some(place) = self.places.get(&token).copied() else { return };
        // The script is told of it whether or not there is a partner.
        let pressed = self.with(place, |leg| (leg.press(now, key), leg.take_owed()));
        let Some((goes_on, owed)) = pressed else { return };
        self.tell_others(now, place, owed);
        self.tell_others(now, place, [goes_on.then_some(key), None]);
    }

    /// A place for a leg or a room.
    fn free_place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() - 1
        })
    }

    fn open(&mut self, now: Instant, token: Token, opening: super::Opening) {
        let place = self.free_place();
        let first_frame = self.deadlines.grid(now, token.0.wrapping_mul(SPREAD_MS));
        let leg = Box::new(Leg::new(now, opening, self.media_timeout, first_frame));
        if let Err(error) = self.listen(&leg, place) {
            // The leg stays deaf; its timeout ends it.
            tracing::error!(%error, "a media socket cannot be waited for");
        }
        self.places.insert(token, place);
        if let Some(free) = self.legs.get_mut(place) {
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
        self.with(place, |leg| leg.close(now));
        self.take_out(place);
    }

    fn bridge(&mut self, now: Instant, one: Token, other: Token) {
        let places = (self.places.get(&one).copied(), self.places.get(&other).copied());
        if let (Some(one), Some(other)) = places {
            self.bridge_places(now, one, other);
        }
    }

    fn bridge_places(&mut self, now: Instant, one: usize, other: usize) {
        // Who heard each other in a room goes on amid the words.
        let softly = self.room_of(one).filter(|room| self.room_of(other) == Some(*room));
        if let Some(room) = softly {
            self.mix(now, room, true);
        }
        self.part(now, one);
        self.part(now, other);
        for (place, partner) in [(one, other), (other, one)] {
            self.with(place, |leg| leg.bridge(now, partner));
            if softly.is_some() {
                self.with(place, Leg::fade_in);
            }
        }
    }

    fn room_of(&self, place: usize) -> Option<usize> {
        self.legs.get(place)?.as_ref()?.room
    }

    /// Lets legs hear each other in a room: that in which some of them are already, or a new one.
    fn confer(&mut self, now: Instant, tokens: &[Token]) {
        let places: Vec<_> = tokens.iter().filter_map(|token| self.places.get(token).copied()).collect();
        if let [one, other] = places[..] {
            return self.bridge_places(now, one, other);
        }
        if places.len() < 2 {
            return;
        }
        let known = places.iter().find_map(|place| self.room_of(*place));
        let room = known.unwrap_or_else(|| self.open_room(now));
        let members = self.rooms.get(&room).map(Room::members).unwrap_or_default();
        for member in members.into_iter().flatten().filter(|member| !places.contains(member)) {
            self.part(now, member);
        }
        for place in places {
            self.enter(now, place, room);
        }
    }

    fn open_room(&mut self, now: Instant) -> usize {
        let place = self.free_place();
        let first_frame = self.deadlines.grid(now, (place as u64).wrapping_mul(SPREAD_MS));
        self.rooms.insert(place, Room::new(first_frame));
        self.deadlines.set(place, Some(Due::At(first_frame)));
        place
    }

    fn enter(&mut self, now: Instant, place: usize, room: usize) {
        if self.room_of(place) == Some(room) {
            return;
        }
        self.part(now, place);
        if self.rooms.get_mut(&room).is_some_and(|room| room.enter(place)) {
            self.with(place, |leg| leg.enter(now, room));
        }
    }

    /// Takes a leg out of its room. Who is left alone there leaves too.
    fn leave(&mut self, now: Instant, place: usize, room: usize) {
        self.with(place, |leg| leg.leave(now));
        let Some(left) = self.rooms.get_mut(&room) else { return };
        left.leave(place);
        if left.len() < 2 {
            self.each_member(room, |leg| leg.leave(now));
            self.close_room(room);
        }
    }

    fn close_room(&mut self, place: usize) {
        self.rooms.remove(&place);
        self.deadlines.set(place, None);
        self.free.push(place);
    }

    /// Ends what a leg hears and is heard by.
    fn part(&mut self, now: Instant, place: usize) {
        if let Some(room) = self.room_of(place) {
            return self.leave(now, place, room);
        }
        let partner = self.legs.get(place).and_then(Option::as_ref).and_then(|leg| leg.partner);
        for place in [Some(place), partner].into_iter().flatten() {
            self.with(place, |leg| leg.unbridge(now));
        }
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod room_tests;

fn poll(epoll: &OwnedFd, events: &mut Vec<Event>, patience: Option<&Timespec>) -> io::Result<()> {
    match epoll::wait(epoll, spare_capacity(events), patience) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The timer that wakes a thread, on the clock of its deadlines.
#[derive(Debug)]
struct Timer {
    fd: OwnedFd,
    /// The beginning of the deadlines' time.
    begin: Timespec,
    set_to: Option<u64>,
}

impl Timer {
    /// A timer whose time begins now.
    fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { fd, begin: clock_gettime(ClockId::Monotonic), set_to: None })
    }

    /// Sets it to so many ms after its beginning, or off.
    fn set(&mut self, ms: Option<u64>) {
        if ms == self.set_to {
            return;
        }
        // All zero switches the timer off.
        let off = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = ms.map_or(off, |ms| self.clock(ms));
        let spec = Itimerspec { it_interval: off, it_value };
        match timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &spec) {
            Ok(_) => self.set_to = ms,
            Err(error) => tracing::error!(%error, "the timer of a media thread cannot be set"),
        }
    }

    /// Sleeps until its next whole millisecond, when the next frames are due.
    fn rest(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let nanos = (now.tv_nsec - self.begin.tv_nsec).rem_euclid(1_000_000);
        let until = now.tv_nsec + 1_000_000 - nanos;
        let until = Timespec { tv_sec: now.tv_sec + until / 1_000_000_000, tv_nsec: until % 1_000_000_000 };
        // Woken early, it looks early.
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &until);
    }

    fn clock(&self, ms: u64) -> Timespec {
        let nanos = self.begin.tv_nsec + (ms % 1000) as i64 * 1_000_000;
        let seconds = self.begin.tv_sec.saturating_add((ms / 1000) as i64);
        Timespec { tv_sec: seconds.saturating_add(nanos / 1_000_000_000), tv_nsec: nanos % 1_000_000_000 }
    }
}
