//! Packets as libsrtp 2.5 protects them, and what attackers and networks do to packets.
//!
//! Recorded from libsrtp with the master key 01 02 ... 1e: sequence numbers 65534, 65535, 0 and 1, then one with
//! a contributing source and a header extension, then two reports.

use proptest::prelude::*;

use super::*;

const MASTER_KEY: [u8; MASTER] = {
    let mut key = [0; MASTER];
    let mut at = 0;
    while at < MASTER {
        key[at] = at as u8 + 1;
        at += 1;
    }
    key
};
const SSRC: u32 = 0xcafe_babe;
const LIBSRTP_80: [&str; 5] = [
    "8008fffe000000a0cafebabea5510e8b9361cd9bf4dd35bce8e50cc93495703ab1f34f0f5b8f944ea1b4",
    "8008ffff000000a0cafebabeefa10a6c96c1022b6173ea8b203740f092839a2e8d8f52db1c3062a79378",
    "80080000000000a0cafebabedb959f720546984494902db18e65a33b6b58df66151a6ce582cd5c588689",
    "80080001000000a0cafebabea9e19a3ff79c91091dbd945d1841a7ad6f5012119e69b6a96210a9f4b9ea",
    "91080002000000a0cafebabe00000007bede000101020304c01759bbd82bbb82618f8bb13d9d309da275ff408846d4477bfd64bdbdd0",
];
const LIBSRTP_32: [&str; 5] = [
    "8008fffe000000a0cafebabea5510e8b9361cd9bf4dd35bce8e50cc93495703ab1f34f0f",
    "8008ffff000000a0cafebabeefa10a6c96c1022b6173ea8b203740f092839a2e8d8f52db",
    "80080000000000a0cafebabedb959f720546984494902db18e65a33b6b58df66151a6ce5",
    "80080001000000a0cafebabea9e19a3ff79c91091dbd945d1841a7ad6f5012119e69b6a9",
    "91080002000000a0cafebabe00000007bede000101020304c01759bbd82bbb82618f8bb13d9d309da275ff408846d447",
];
const LIBSRTP_REPORTS: [&str; 2] = [
    "80c90001cafebabe2991095aff830743309872068000000113d8e9006f34c123fd39",
    "80c90001cafebabe359dba0b70968d052f5f73658000000251200915c29047709076",
];
const REPORT: &str = "80c90001cafebabe81ca0002cafebabe01016100";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn keying(suite: Suite) -> Keying {
    Keying { suite, master: MASTER_KEY, mki: 0 }
}

fn sender() -> Sender {
    Sender::new(keying(Suite::AesCm128HmacSha1_80))
}

fn receiver() -> Receiver {
    Receiver::new(keying(Suite::AesCm128HmacSha1_80), 0)
}

fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend(160_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(0..20);
    packet
}

/// With a contributing source and a header extension.
fn packet_with_extension() -> Vec<u8> {
    let mut packet = packet(2, SSRC);
    packet[0] = 0x91;
    packet.splice(12..12, [0, 0, 0, 7, 0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
    packet
}

/// What comes out of a packet, if anything does.
fn opened(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut packet = packet.to_vec();
    let length = receiver.rtp(&mut packet)?;
    packet.truncate(length);
    Ok(packet)
}

fn protected(sender: &mut Sender, sequence: u16) -> Vec<u8> {
    sender.rtp(&packet(sequence, SSRC)).expect("protected").to_vec()
}

#[test]
fn packets_are_those_of_libsrtp_over_a_wrap_and_with_an_extension() {
    for (suite, expected) in
        [(Suite::AesCm128HmacSha1_80, LIBSRTP_80), (Suite::AesCm128HmacSha1_32, LIBSRTP_32)]
    {
        let (mut sender, mut receiver) = (Sender::new(keying(suite)), Receiver::new(keying(suite), 0));
        let mut plain: Vec<_> = [65_534, 65_535, 0, 1].map(|n| packet(n, SSRC)).into();
        plain.push(packet_with_extension());
        for (plain, expected) in plain.iter().zip(expected) {
            assert_eq!(sender.rtp(plain).expect("protected"), octets(expected), "{suite:?}");
            assert_eq!(opened(&mut receiver, &octets(expected)).as_ref(), Ok(plain), "{suite:?}");
        }
        assert_eq!(receiver.rollovers(), 1);
    }
}

#[test]
fn reports_are_those_of_libsrtp() {
    let (mut sender, mut receiver) = (sender(), receiver());
    let plain = octets(REPORT);
    // libsrtp counts from 1, we from 0 as RFC 3711 3.4 has it.
    sender.rtcp(&plain).expect("protected");
    for expected in LIBSRTP_REPORTS {
        let mut report = octets(expected);
        assert_eq!(sender.rtcp(&plain).expect("protected"), report);
        assert_eq!(receiver.rtcp(&mut report), Ok(plain.len()));
        assert_eq!(report[..plain.len()], plain);
        assert_eq!(receiver.rtcp(&mut octets(expected)), Err(Refused::Replayed));
    }
}

#[test]
fn a_report_in_the_clear_needs_a_true_tag_as_well() {
    let mut report = octets(REPORT);
    report.extend([0, 0, 0, 9]);
    report.extend([0xee; SRTCP_TAG]);
    assert_eq!(receiver().rtcp(&mut report.clone()), Err(Refused::Unauthentic));
    let signed = report.len() - SRTCP_TAG;
    let cipher = cipher::Cipher::rtcp(&keying(Suite::AesCm128HmacSha1_80));
    let tag = cipher.tag(&report[..signed], &[]);
    report[signed..].copy_from_slice(&tag[..SRTCP_TAG]);
    assert_eq!(receiver().rtcp(&mut report), Ok(signed - SRTCP_INDEX));
    assert_eq!(report[..signed - SRTCP_INDEX], octets(REPORT));
}

#[test]
fn ten_thousand_forged_packets_leave_no_trace() {
    let (mut sender, mut receiver) = (sender(), receiver());
    // Before the first true packet, and after it; of its SSRC, and of others.
    for round in 0..2 {
        for n in 0..5_000_u32 {
            let ssrc = if n % 2 == 0 { SSRC } else { n };
            let mut forged = packet((n * 13) as u16, ssrc);
            forged.extend([n as u8; 10]);
            let refused = opened(&mut receiver, &forged).expect_err("forged");
            assert_ne!(refused, Refused::Malformed, "{round}");
            let mut report = octets(LIBSRTP_REPORTS[0]);
            report[20..24].copy_from_slice(&(n | ENCRYPTED).to_be_bytes());
            report[4] = n as u8;
            assert_eq!(receiver.rtcp(&mut report), Err(Refused::Unauthentic));
        }
        let sequence = 40_000 + round;
        assert_eq!(opened(&mut receiver, &protected(&mut sender, sequence)), Ok(packet(sequence, SSRC)));
    }
}

#[test]
fn a_packet_is_refused_the_second_time_and_when_it_is_too_old_to_tell() {
    let (mut sender, mut receiver) = (sender(), receiver());
    let first = protected(&mut sender, 1000);
    assert!(opened(&mut receiver, &first).is_ok());
    assert_eq!(opened(&mut receiver, &first), Err(Refused::Replayed));
    let late = protected(&mut sender, 1001);
    for sequence in 1002..1200 {
        assert!(opened(&mut receiver, &protected(&mut sender, sequence)).is_ok());
    }
    assert_eq!(opened(&mut receiver, &late), Err(Refused::Replayed));
}

#[test]
fn a_new_ssrc_is_heard_beside_the_old_one_and_only_so_many_are_remembered() {
    let (mut sender, mut receiver) = (sender(), receiver());
    for ssrc in 0..100 {
        let one = sender.rtp(&packet(7, ssrc)).expect("protected").to_vec();
        assert_eq!(opened(&mut receiver, &one), Ok(packet(7, ssrc)));
        assert_eq!(opened(&mut receiver, &one), Err(Refused::Replayed));
    }
}

#[test]
fn a_phone_whose_first_packets_were_lost_before_a_wrap_is_heard() {
    let (mut sender, mut receiver) = (sender(), receiver());
    let _lost = [65_534, 65_535].map(|sequence| protected(&mut sender, sequence));
    for sequence in 3..200 {
        assert_eq!(opened(&mut receiver, &protected(&mut sender, sequence)), Ok(packet(sequence, SSRC)));
    }
}

#[test]
fn under_a_new_key_the_counter_may_go_on_or_begin_anew() {
    let mut sender = sender();
    for sequence in [40_000, 65_000, 20_000, 50_000] {
        protected(&mut sender, sequence);
    }
    let (goes_on, anew) = (protected(&mut sender, 50_001), LIBSRTP_80[0]);
    let after = || Receiver::new(keying(Suite::AesCm128HmacSha1_80), 1);
    assert!(opened(&mut after(), &goes_on).is_ok());
    assert!(opened(&mut after(), &octets(anew)).is_ok());
    assert_eq!(opened(&mut receiver(), &goes_on), Err(Refused::Unauthentic));
}

#[test]
fn the_name_of_a_key_before_the_tag_is_passed_over() {
    let with_name = Keying { mki: 4, ..keying(Suite::AesCm128HmacSha1_80) };
    let mut receiver = Receiver::new(with_name, 0);
    let mut named = octets(LIBSRTP_80[0]);
    named.splice(named.len() - 10..named.len() - 10, [0, 0, 0, 1]);
    assert_eq!(opened(&mut receiver, &named), Ok(packet(65_534, SSRC)));
    let mut report = octets(LIBSRTP_REPORTS[0]);
    report.splice(report.len() - 10..report.len() - 10, [0, 0, 0, 1]);
    assert_eq!(receiver.rtcp(&mut report), Ok(20));
}

#[test]
fn keys_are_not_printed() {
    let shown = format!("{:?} {:?} {:?}", keying(Suite::AesCm128HmacSha1_80), sender(), receiver());
    assert!(!shown.contains("1, 2, 3") && !shown.contains("010203"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_order_loss_and_repetition_make_each_packet_is_read_once(
        start: u16,
        ways in proptest::collection::vec((0_usize..100, any::<bool>()), 200),
    ) {
        let (mut sender, mut receiver) = (sender(), receiver());
        let sent: Vec<_> = (0..200_u16).map(|n| {
            let sequence = start.wrapping_add(n);
            (packet(sequence, SSRC), protected(&mut sender, sequence))
        }).collect();
        let mut order: Vec<_> = ways.iter().enumerate().skip(1).collect();
        order.sort_by_key(|(n, (delay, _))| n + delay);
        opened(&mut receiver, &sent[0].1).expect("the first");
        for (n, (_, lost)) in order {
            let (plain, protected) = &sent[n];
            if !lost {
                prop_assert_eq!(opened(&mut receiver, protected), Ok(plain.clone()));
                prop_assert_eq!(opened(&mut receiver, protected), Err(Refused::Replayed));
            }
        }
    }

    #[test]
    fn one_wrong_bit_anywhere_and_a_packet_is_refused(bit in 0_usize..42 * 8) {
        let mut packet = octets(LIBSRTP_80[0]);
        packet[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(opened(&mut receiver(), &packet).is_err());
    }

    #[test]
    fn any_octets_are_refused(octets in proptest::collection::vec(any::<u8>(), 0..80), mki in 0_u8..20) {
        let keying = Keying { mki, ..keying(Suite::AesCm128HmacSha1_32) };
        let mut receiver = Receiver::new(keying, 0);
        // The tag of 32 bits is right by chance once in four milliards.
        prop_assert!(receiver.rtp(&mut octets.clone()).is_err());
        prop_assert!(receiver.rtcp(&mut octets.clone()).is_err());
    }

    #[test]
    fn only_packets_are_protected(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut sender = sender();
        if let Some(protected) = sender.rtp(&octets).map(<[u8]>::to_vec) {
            prop_assert_eq!(opened(&mut receiver(), &protected), Ok(octets.clone()));
        }
        if let Some(protected) = sender.rtcp(&octets) {
            let mut protected = protected.to_vec();
            prop_assert_eq!(receiver().rtcp(&mut protected), Ok(octets.len()));
            prop_assert_eq!(&protected[..octets.len()], &octets[..]);
        }
    }
}
