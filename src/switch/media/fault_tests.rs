//! What of a fault of our own reaches others: as little as can be.

use super::tests::{Bench, Phone};
use super::*;
use crate::switch::clip::FRAME;

/// What the signalling is told of the phone's leg, up to the end of the leg.
fn told(phone: &mut Phone) -> Vec<MediaEvent> {
    std::iter::from_fn(|| phone.events.blocking_recv()).collect()
}

fn broken(events: &[MediaEvent]) -> usize {
    events.iter().filter(|event| matches!(event, MediaEvent::Broken { .. })).count()
}

#[test]
fn a_fault_in_a_leg_ends_that_leg_and_no_other() {
    let bench = Bench::new(25_300..=25_319);
    let (mut faulty, mut partner) = (bench.configured(|_| {}), bench.configured(|_| {}));
    let (other, beside) = (bench.configured(|_| {}), bench.configured(|_| {}));
    faulty.stream.bridge(&partner.stream);
    faulty.stream.tell(Command::Break(Some(faulty.stream.token)));
    // Given while the fault is met: it must not be forgotten.
    other.stream.bridge(&beside.stream);
    assert_eq!(broken(&told(&mut faulty)), 1);
    partner.hear_until(|_, payload| payload == [0xd5; FRAME]);
    let mut other = other;
    other.say(8, 0, &[0x44; FRAME]);
    beside.hear_until(|_, payload| payload == [0x44; FRAME]);
    drop(partner.stream);
    partner.events.close();
    let events: Vec<_> = std::iter::from_fn(|| partner.events.try_recv().ok()).collect();
    assert_eq!(broken(&events), 0);
}

#[test]
fn the_ports_of_a_leg_that_broke_are_given_back() {
    // Room for one pair.
    let bench = Bench::new(25_320..=25_321);
    let mut faulty = bench.configured(|_| {});
    faulty.stream.tell(Command::Break(Some(faulty.stream.token)));
    assert_eq!(broken(&told(&mut faulty)), 1);
    bench.configured(|_| {}).hear();
}

#[test]
fn when_a_thread_ends_its_legs_are_told_of_and_others_take_its_place() {
    let bench = Bench::new(25_322..=25_341);
    let mut lost = [bench.configured(|_| {}), bench.configured(|_| {})];
    lost[0].stream.tell(Command::Break(None));
    for phone in &mut lost {
        assert_eq!(broken(&told(phone)), 1);
    }
    // Of the same shard.
    let (mut caller, responder) = (bench.configured(|_| {}), bench.configured(|_| {}));
    caller.stream.bridge(&responder.stream);
    caller.say(8, 0, &[0x44; FRAME]);
    responder.hear_until(|_, payload| payload == [0x44; FRAME]);
}

#[test]
fn without_a_thread_no_stream_is_opened() {
    let bench = Bench::new(25_342..=25_361);
    let mut lost = Vec::new();
    // Of both threads there are.
    for _ in 0..2 {
        let mut phone = bench.configured(|_| {});
        phone.stream.tell(Command::Break(None));
        assert_eq!(broken(&told(&mut phone)), 1);
        lost.push(phone);
    }
    let (leg, keys) = crate::call::leg::Leg::new(mpsc::unbounded_channel().0);
    let refused = bench.media.open(5, leg.id(), mpsc::unbounded_channel().0, keys);
    assert!(matches!(refused, Err(OpenError::Ended)), "{refused:?}");
}

#[test]
fn a_leg_is_small_enough_for_thousands_of_them() {
    let size = size_of::<leg::Leg>();
    assert!(size <= 5 * 1024, "{size} octets");
}
