#![allow(clippy::unwrap_used)]

use super::*;

fn local() -> LocalMedia {
    LocalMedia {
        address: [192, 0, 2, 1].into(),
        rtp_port: 4000,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        session_id: 9,
    }
}

/// A description of a peer at 192.0.2.9 with this o= version and these lines from the first m= on.
fn peer(version: u32, lines: &str) -> Vec<u8> {
    let head = format!("v=0\no=- 1 {version} IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n");
    format!("{head}{lines}").replace('\n', "\r\n").into_bytes()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn an_offer_names_the_codecs_in_our_order_and_telephone_event() {
    let offer = text(&Negotiation::new(local()).offer());
    assert!(offer.starts_with("v=0\r\no=- 9 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"));
    assert!(
        offer.contains("m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n")
    );
    assert!(offer.contains("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"));
}

#[test]
fn an_answer_mirrors_the_offered_numbers_and_holds_nothing_that_was_not_offered() {
    let offer =
        peer(1, "m=audio 5000 RTP/AVP 18 97 96\na=rtpmap:97 pcma/8000/1\na=rtpmap:96 telephone-event/8000\n");
    let (answer, agreed) = Negotiation::new(local()).answer(&offer).unwrap();
    assert!(text(&answer).contains("m=audio 4000 RTP/AVP 97 96\r\n"));
    assert_eq!((agreed.codec, agreed.send_payload_type, agreed.receive_payload_type), (Codec::Pcma, 97, 97));
    assert_eq!(agreed.telephone_event, Some(EventTypes { send: 96, receive: 96, clock_rate: 8000 }));
    assert_eq!(agreed.remote_rtp, "192.0.2.9:5000".parse().unwrap());
    assert_eq!(agreed.remote_rtcp, "192.0.2.9:5001".parse().unwrap());
}

#[test]
fn an_answer_may_use_other_numbers_in_its_direction() {
    let mut negotiation = Negotiation::new(local());
    negotiation.offer();
    let answer =
        peer(1, "m=audio 5000 RTP/AVP 98 100\na=rtpmap:98 PCMU/8000\na=rtpmap:100 telephone-event/8000\n");
    let agreed = negotiation.accept(&answer).unwrap();
    assert_eq!((agreed.codec, agreed.send_payload_type, agreed.receive_payload_type), (Codec::Pcmu, 98, 0));
    assert_eq!(agreed.telephone_event, Some(EventTypes { send: 100, receive: 101, clock_rate: 8000 }));
}

#[test]
fn without_telephone_event_in_both_there_is_none() {
    let (answer, agreed) = Negotiation::new(local()).answer(&peer(1, "m=audio 5000 RTP/AVP 0\n")).unwrap();
    assert_eq!((agreed.telephone_event, agreed.codec), (None, Codec::Pcmu));
    assert!(!text(&answer).contains("telephone-event"));
    let odd = peer(1, "m=audio 5000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/44100\n");
    assert_eq!(
        Negotiation::new(local()).answer(&odd).unwrap().1.telephone_event,
        None,
        "a clock of no codec"
    );
}

#[test]
fn events_have_the_clock_of_the_codec_where_the_peer_knows_it_and_else_the_one_it_knows() {
    let both = "m=audio 5000 RTP/AVP 9 101 102\na=rtpmap:101 telephone-event/48000\na=rtpmap:102 telephone-event/8000\n";
    let local = || LocalMedia { codecs: vec![Codec::G722, Codec::Pcma], ..local() };
    let (answer, agreed) = Negotiation::new(local()).answer(&peer(1, both)).unwrap();
    assert_eq!(agreed.telephone_event, Some(EventTypes { send: 102, receive: 102, clock_rate: 8000 }));
    assert!(text(&answer).contains("a=rtpmap:102 telephone-event/8000"));
    let wide = "m=audio 5000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/48000\n";
    let mut negotiation = Negotiation::new(local());
    let (answer, agreed) = negotiation.answer(&peer(1, wide)).unwrap();
    assert_eq!(agreed.telephone_event, Some(EventTypes { send: 101, receive: 101, clock_rate: 48_000 }));
    assert!(text(&answer).contains("a=rtpmap:101 telephone-event/48000"));
    // The number keeps its meaning.
    assert!(text(&negotiation.offer()).contains("a=rtpmap:101 telephone-event/48000"));
}

#[test]
fn streams_we_do_not_serve_are_refused_in_their_place() {
    let lines =
        "m=image 5002 udptl t38\nm=audio 5000 RTP/SAVP 8\nm=audio 5004 RTP/AVP 8\nm=video 5006 RTP/AVP 31\n";
    let mut negotiation = Negotiation::new(local());
    let (answer, agreed) = negotiation.answer(&peer(1, lines)).unwrap();
    let streams = |text: &str| {
        text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect::<Vec<_>>()
    };
    let wanted =
        ["m=image 0 udptl t38", "m=audio 0 RTP/SAVP 8", "m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 31"];
    assert_eq!(streams(&text(&answer)), wanted);
    assert_eq!(agreed.remote_rtp.port(), 5004);
    let later = streams(&text(&negotiation.offer()));
    assert_eq!((later.len(), later[2].as_str()), (4, "m=audio 4000 RTP/AVP 8 0 101"), "places are kept");
}

#[test]
fn nothing_in_common_and_no_description_are_told_apart() {
    let offers = [
        "m=audio 5000 RTP/AVP 18\n",
        "m=audio 5000 RTP/SAVP 8\n",
        "m=audio 0 RTP/AVP 8\n",
        "m=image 5000 udptl t38\n",
        "",
        "m=audio 5000 RTP/AVP 8\na=rtpmap:8 G722/8000\n",
        "m=audio 5000 RTP/AVP 8\nc=IN IP6 2001:db8::1\n",
        "m=audio 5000 RTP/AVP 8\nc=IN IP4 media.example.com\n",
        "m=audio 5000 RTP/AVP 8\nc=IN IP4 224.2.1.1/127\n",
    ];
    for offer in offers {
        let error = Negotiation::new(local()).answer(&peer(1, offer)).unwrap_err();
        assert_eq!(error, NegotiationError::NotAcceptable, "{offer}");
    }
    for broken in [&b""[..], b"hello", b"v=1\r\n", b"v=0\r\nm=audio x RTP/AVP 8\r\n", b"v=0\r\nnonsense\r\n"]
    {
        assert!(matches!(Negotiation::new(local()).answer(broken), Err(NegotiationError::Malformed(_))));
    }
}

#[test]
fn the_limits_hold() {
    for lines in [
        "m=audio 5000 RTP/AVP 8\n".repeat(65),
        format!("m=audio 5000 RTP/AVP{}\n", " 8".repeat(33)),
        "a=x\n".repeat(257),
    ] {
        assert_eq!(Description::parse(&peer(1, &lines)), Err(SdpError::Limit));
    }
    assert!(Description::parse(&peer(1, &"m=audio 5000 RTP/AVP 8\n".repeat(64))).is_ok());
}

#[test]
fn hold_is_read_in_each_of_its_forms() {
    let forms = [
        ("a=sendrecv\n", Direction::SendRecv),
        ("", Direction::SendRecv),
        ("a=sendonly\n", Direction::RecvOnly),
        ("a=recvonly\n", Direction::SendOnly),
        ("a=inactive\n", Direction::Inactive),
        ("c=IN IP4 0.0.0.0\n", Direction::RecvOnly),
        ("c=IN IP4 0.0.0.0\na=recvonly\n", Direction::Inactive),
    ];
    for (form, wanted) in forms {
        let offer = peer(1, &format!("m=audio 5000 RTP/AVP 8\n{form}"));
        let (answer, agreed) = Negotiation::new(local()).answer(&offer).unwrap();
        assert_eq!(agreed.direction, wanted, "{form}");
        assert!(text(&answer).contains(&format!("a={}\r\n", wanted.name())));
    }
}

#[test]
fn what_an_offer_says_counts_whatever_its_version_says() {
    let mut negotiation = Negotiation::new(local());
    let (first, agreed) = negotiation.answer(&peer(7, "m=audio 5000 RTP/AVP 8\n")).unwrap();
    let (again, same) = negotiation.answer(&peer(7, "m=audio 5000 RTP/AVP 8\n")).unwrap();
    assert_eq!((&first, &agreed), (&again, &same), "the same once more");
    let (repeated, same) = negotiation.answer(&peer(8, "m=audio 5000 RTP/AVP 8\n")).unwrap();
    assert_eq!((first, agreed), (repeated, same), "a new version of the same");
    let (moved, other) = negotiation.answer(&peer(8, "m=audio 6000 RTP/AVP 8\na=sendonly\n")).unwrap();
    assert_eq!((other.remote_rtp.port(), other.direction), (6000, Direction::RecvOnly));
    assert!(text(&moved).starts_with("v=0\r\no=- 9 2 "), "our version rises with a change");
}

#[test]
fn a_refused_later_offer_leaves_what_was_agreed() {
    let mut negotiation = Negotiation::new(local());
    let (_, agreed) = negotiation.answer(&peer(1, "m=audio 5000 RTP/AVP 8\n")).unwrap();
    assert!(negotiation.answer(&peer(2, "m=audio 5000 RTP/AVP 18\n")).is_err());
    assert_eq!(negotiation.agreed(), Some(&agreed));
}

#[test]
fn a_later_offer_keeps_the_agreed_numbers() {
    let mut negotiation = Negotiation::new(local());
    let lines = "m=audio 5000 RTP/AVP 101 96\na=rtpmap:101 PCMA/8000\na=rtpmap:96 telephone-event/8000\n";
    negotiation.answer(&peer(1, lines)).unwrap();
    assert!(text(&negotiation.offer()).contains("m=audio 4000 RTP/AVP 101 0 96\r\n"));
}

#[test]
fn a_later_offer_gives_no_number_two_meanings() {
    let mut negotiation = Negotiation::new(local());
    negotiation.answer(&peer(1, "m=audio 5000 RTP/AVP 0\na=rtpmap:0 PCMA/8000\n")).unwrap();
    let offer = text(&negotiation.offer());
    assert!(offer.contains("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMA/8000\r\n"), "{offer}");
    assert!(!offer.contains("PCMU"), "{offer}");
}

#[test]
fn an_answer_is_read_only_behind_an_offer_and_for_what_was_offered() {
    let answer = peer(1, "m=audio 5000 RTP/AVP 8\n");
    assert_eq!(Negotiation::new(local()).accept(&answer), Err(NegotiationError::NoOffer));
    let mut negotiation = Negotiation::new(LocalMedia { codecs: vec![Codec::Pcmu], ..local() });
    negotiation.offer();
    assert_eq!(negotiation.accept(&answer), Err(NegotiationError::NotAcceptable));
    assert_eq!(negotiation.accept(&peer(1, "m=audio 0 RTP/AVP 0\n")), Err(NegotiationError::NotAcceptable));
}

#[test]
fn packet_time_and_rtcp_port_are_taken_within_reason() {
    for (lines, ms) in [
        ("a=ptime:30\n", Some(30)),
        ("a=ptime:10\n", Some(10)),
        ("a=ptime:5\n", Some(10)),
        ("a=ptime:25\n", Some(20)),
        ("a=ptime:200\n", Some(60)),
        ("a=ptime:0\n", None),
        ("a=ptime:x\n", None),
        ("a=ptime:40\na=maxptime:20\n", Some(20)),
        ("a=maxptime:150\n", Some(20)),
        ("a=maxptime:10\n", Some(10)),
        ("", None),
    ] {
        let (_, agreed) =
            Negotiation::new(local()).answer(&peer(1, &format!("m=audio 5000 RTP/AVP 8\n{lines}"))).unwrap();
        assert_eq!(agreed.packet_time_ms, ms, "{lines}");
    }
    let offer = peer(1, "m=audio 5000 RTP/AVP 8\na=rtcp:7001 IN IP4 203.0.113.66\n");
    let (_, agreed) = Negotiation::new(local()).answer(&offer).unwrap();
    assert_eq!(agreed.remote_rtcp, "192.0.2.9:7001".parse().unwrap(), "a third party's address is not taken");
}

#[test]
fn one_port_for_rtp_and_rtcp_is_accepted_where_it_is_offered_and_kept_and_never_offered() {
    let mut negotiation = Negotiation::new(local());
    assert!(!text(&negotiation.clone().offer()).contains("rtcp-mux"));
    let offer = peer(1, "m=audio 5000 RTP/AVP 8\na=rtcp:7001\na=rtcp-mux\n");
    let (answer, agreed) = negotiation.answer(&offer).unwrap();
    assert!(agreed.rtcp_mux && text(&answer).contains("a=rtcp-mux\r\n"));
    assert_eq!(agreed.remote_rtcp, agreed.remote_rtp);
    assert!(text(&negotiation.offer()).contains("a=rtcp-mux\r\n"), "what runs goes on");
    let agreed = negotiation.accept(&peer(2, "m=audio 5000 RTP/AVP 8\n")).unwrap();
    assert!(!agreed.rtcp_mux, "the peer goes back to two ports");
    assert_eq!(agreed.remote_rtcp.port(), 5001);
    let (answer, _) = negotiation.answer(&peer(3, "m=audio 5000 RTP/AVP 8\n")).unwrap();
    assert!(!text(&answer).contains("rtcp-mux"));
}

#[test]
fn one_port_for_both_that_we_have_not_offered_or_could_not_tell_apart_is_not_agreed() {
    let mut negotiation = Negotiation::new(local());
    negotiation.offer();
    let agreed = negotiation.accept(&peer(1, "m=audio 5000 RTP/AVP 8\na=rtcp-mux\n")).unwrap();
    assert!(!agreed.rtcp_mux, "RFC 8035");
    // With M, payload type 72 looks like a sender report.
    let lines = "m=audio 5000 RTP/AVP 8 72\na=rtpmap:72 telephone-event/8000\na=rtcp-mux\n";
    let (answer, agreed) = Negotiation::new(local()).answer(&peer(1, lines)).unwrap();
    assert!(!agreed.rtcp_mux && !text(&answer).contains("rtcp-mux"));
}

fn wide() -> LocalMedia {
    LocalMedia { codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::G722], ..local() }
}

#[test]
fn g722_has_the_static_number_9_and_a_clock_of_8000() {
    let offer = text(&Negotiation::new(wide()).offer());
    assert!(offer.contains("m=audio 4000 RTP/AVP 8 0 9 101\r\n"), "{offer}");
    assert!(offer.contains("a=rtpmap:9 G722/8000\r\n"), "{offer}");
    for lines in ["m=audio 5000 RTP/AVP 9 8\n", "m=audio 5000 RTP/AVP 9 8\na=rtpmap:9 g722/16000\n"] {
        let (answer, agreed) = Negotiation::new(wide()).answer(&peer(1, lines)).unwrap();
        assert_eq!((agreed.codec, agreed.send_payload_type), (Codec::G722, 9), "the peer's first");
        assert!(text(&answer).contains("m=audio 4000 RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n"));
        let narrow = Negotiation::new(local()).answer(&peer(1, lines)).unwrap().1;
        assert_eq!(narrow.codec, Codec::Pcma, "only where it is ours");
    }
}

#[test]
fn an_answer_that_repeats_no_rtpmap_means_what_was_offered() {
    let mut negotiation = Negotiation::new(wide());
    negotiation.offer();
    let agreed = negotiation.accept(&peer(1, "m=audio 5000 RTP/AVP 9 101\n")).unwrap();
    assert_eq!(agreed.codec, Codec::G722);
    assert_eq!(agreed.telephone_event, Some(EventTypes { send: 101, receive: 101, clock_rate: 8000 }));
}

#[test]
fn an_rtpmap_without_a_clock_is_understood_and_one_with_another_clock_is_another_codec() {
    let codec = |rtpmap: &str| {
        let lines = format!("m=audio 5000 RTP/AVP 8\na=rtpmap:8 {rtpmap}\n");
        Negotiation::new(local()).answer(&peer(1, &lines)).ok().map(|(_, agreed)| agreed.codec)
    };
    for rtpmap in ["PCMA", "pcma/8000", "PCMA/8000/1"] {
        assert_eq!(codec(rtpmap), Some(Codec::Pcma), "{rtpmap}");
    }
    for rtpmap in ["PCMA/16000", "PCMA/8000/2", "L16/8000"] {
        assert_eq!(codec(rtpmap), None, "{rtpmap}");
    }
}

#[test]
fn comfort_noise_is_accepted_where_it_is_offered_and_kept_and_never_offered_first() {
    let mut negotiation = Negotiation::new(local());
    assert!(!text(&negotiation.offer()).contains("CN/"));
    for (lines, number) in [
        ("m=audio 5000 RTP/AVP 8 13 101\na=rtpmap:101 telephone-event/8000\n", 13),
        ("m=audio 5000 RTP/AVP 13 8 101\na=rtpmap:13 CN/8000/1\na=rtpmap:101 telephone-event/8000\n", 13),
        ("m=audio 5000 RTP/AVP 8 107 101\na=rtpmap:107 cn/8000\na=rtpmap:101 telephone-event/8000\n", 107),
    ] {
        let mut negotiation = Negotiation::new(local());
        let (answer, agreed) = negotiation.answer(&peer(1, lines)).unwrap();
        assert_eq!(agreed.comfort_noise, Some(NoiseTypes { send: number, receive: number }));
        assert_eq!((agreed.codec, agreed.telephone_event.unwrap().send), (Codec::Pcma, 101));
        let noise = format!(" {number}\r\n");
        let answer = text(&answer);
        assert!(answer.contains(&noise) && answer.contains(&format!("a=rtpmap:{number} CN/8000\r\n")));
        assert!(text(&negotiation.offer()).contains(&noise), "a later offer keeps it");
        let agreed = negotiation.accept(&peer(2, lines)).unwrap();
        assert_eq!(agreed.comfort_noise, Some(NoiseTypes { send: number, receive: number }));
    }
}

#[test]
fn what_is_no_comfort_noise_of_our_clock_is_not_agreed_as_such() {
    for lines in [
        "m=audio 5000 RTP/AVP 8\n",
        "m=audio 5000 RTP/AVP 8 98\na=rtpmap:98 CN/16000\n",
        "m=audio 5000 RTP/AVP 8 13\na=rtpmap:13 X-FOO/8000\n",
        "m=audio 5000 RTP/AVP 8 72\na=rtpmap:72 CN/8000\n",
    ] {
        let (answer, agreed) = Negotiation::new(local()).answer(&peer(1, lines)).unwrap();
        assert_eq!(agreed.comfort_noise, None);
        assert!(text(&answer).contains("m=audio 4000 RTP/AVP 8\r\n"));
    }
    let mut negotiation = Negotiation::new(local());
    negotiation.offer();
    let agreed = negotiation.accept(&peer(1, "m=audio 5000 RTP/AVP 8 13\n")).unwrap();
    assert_eq!(agreed.comfort_noise, None, "it was not offered");
}
