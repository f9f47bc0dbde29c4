//! The call log: what was told to the journal is what is found again.

use std::sync::Arc;
use std::time::Duration;

use nightbell::call::CallId;
use nightbell::call::journal::{
    Attestation, Diverter, Journal, LegQuality, Outcome, Record, Stated, Step, Verstat,
};
use nightbell::call::leg::LegId;
use nightbell::store::{CallFilter, CallRow, Store, StoreError, VoicemailFilter};
use proptest::prelude::*;
use tokio::sync::broadcast;

use crate::scratch::Scratch;
use crate::story::{Story, at, run};

fn store() -> (Scratch, Store) {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    (scratch, store)
}

fn ids(rows: &[CallRow]) -> Vec<u64> {
    rows.iter().map(|row| row.id.0).collect()
}

#[test]
fn a_call_is_found_as_it_was_told_with_its_whole_timeline() {
    let (_scratch, store) = store();
    let story = Story::of(0xabc).bridged().leg_down(2).leg_down(1).step(Step::Hangup);
    run(&store, story.ended(Outcome::Accepted).records);

    let (row, timeline) = store.reader().call("0000000000000abc").unwrap().unwrap();
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(
        json,
        r#"{"id":"0000000000000abc","hotline":"Emergency hotline","number":"+4930123456","caller":"+4915112345678","started_at":"2026-01-05T08:00:00Z","answered_at":"2026-01-05T08:00:01Z","ended_at":"2026-01-05T08:00:09Z","duration_s":9,"outcome":"accepted","end_reason":"caller hung up","route":"Production","responder":"anna","voicemail":null,"incident":null,"sip_call_id":"0000000000000abc@carrier.example","display_name":null,"diverted_by":null,"verstat":null,"attestation":null,"recording":null,"incident_status":null,"suppressed_at":null}"#
    );
    let steps: Vec<Step> = timeline.iter().map(|event| event.step).collect();
    assert_eq!(
        steps,
        [
            Step::CallReceived,
            Step::Welcome,
            Step::GatherDtmf,
            Step::DialChainResolved,
            Step::DialTarget,
            Step::ConfirmTarget,
            Step::Bridge,
            Step::Hangup,
        ]
    );
    let json = serde_json::to_string(&timeline[4]).unwrap();
    assert_eq!(
        json,
        r#"{"seq":5,"at":"2026-01-05T08:00:05Z","step":"DialTarget","action":"internal","result":"processed","target":"anna","detail":"DialTarget"}"#
    );
}

/// The figures of a leg, the best there are where nothing else is said.
fn quality(call: u64, leg: u64, who: &str) -> LegQuality {
    LegQuality {
        call: CallId(call),
        leg: LegId(leg),
        who: who.to_owned(),
        trunk: "carrier".to_owned(),
        codec: "PCMA".to_owned(),
        packets_received: 3000,
        packets_sent: 3001,
        packets_lost: 0,
        lost_percent: 0.0,
        packets_late: 0,
        packets_repeated: 0,
        jitter_ms: 0.2,
        jitter_max_ms: 1.5,
        round_trip_ms: None,
        mos_in: Some(4.4),
        mos_out: None,
        far_lost_percent: None,
        far_jitter_ms: None,
        packets_foreign: 0,
        packets_forged: 0,
        packets_unusable: 0,
        longest_silence_ms: 40,
        no_rtp_in: false,
        one_way_in: false,
        one_way_out: false,
    }
}

#[test]
fn how_each_leg_sounded_is_found_again_with_its_call_also_when_it_is_told_after_the_end() {
    let (_scratch, store) = store();
    let caller = quality(1, 7, "caller");
    let anna = LegQuality {
        packets_received: 0,
        packets_lost: 12,
        lost_percent: 1.25,
        packets_late: 3,
        packets_repeated: 4,
        round_trip_ms: Some(20.5),
        mos_in: None,
        mos_out: Some(3.99),
        far_lost_percent: Some(2.5),
        far_jitter_ms: Some(7.1),
        packets_foreign: 5,
        packets_forged: 6,
        packets_unusable: 8,
        longest_silence_ms: 21_000,
        no_rtp_in: true,
        one_way_in: true,
        one_way_out: true,
        ..quality(1, 9, "anna")
    };
    let story = Story::of(1).bridged().ended(Outcome::Accepted);
    let story = story.then(Record::LegQuality(Box::new(anna.clone())));
    run(&store, story.then(Record::LegQuality(Box::new(caller.clone()))).records);
    // A call of which the daemon died has no such figures, and is read all the same.
    run(&store, Story::of(2).bridged().records);

    assert_eq!(store.reader().legs(CallId(1)).unwrap(), [caller.clone(), anna]);
    assert_eq!(store.reader().legs(CallId(2)).unwrap(), []);
    assert!(store.reader().call("0000000000000002").unwrap().is_some());
    assert_eq!(
        serde_json::to_string(&caller).unwrap(),
        r#"{"who":"caller","trunk":"carrier","codec":"PCMA","packets_received":3000,"packets_sent":3001,"packets_lost":0,"lost_percent":0.0,"packets_late":0,"packets_repeated":0,"jitter_ms":0.2,"jitter_max_ms":1.5,"round_trip_ms":null,"mos_in":4.4,"mos_out":null,"far_lost_percent":null,"far_jitter_ms":null,"packets_foreign":0,"packets_forged":0,"packets_unusable":0,"longest_silence_ms":40,"no_rtp_in":false,"one_way_in":false,"one_way_out":false}"#
    );
}

#[test]
fn what_the_trunk_says_of_a_caller_is_found_again() {
    let (_scratch, store) = store();
    let diverter = |number: &str| Diverter { number: number.to_owned(), reason: Some("busy".into()) };
    let stated = Stated {
        display_name: Some("J\u{f6}rg \"JS\" Schmidt".to_owned()),
        diverted_by: vec![diverter("+4930111"), diverter("anonymous")],
        verstat: Some(Verstat::Failed),
        attestation: Some(Attestation::Gateway),
    };
    let mut story = Story::of(1);
    let Some(Record::Started(started)) = story.records.first_mut() else { unreachable!() };
    started.stated = stated.clone();
    run(&store, story.records);
    let (row, _) = store.reader().call("0000000000000001").unwrap().unwrap();
    assert_eq!(row.display_name, stated.display_name);
    assert_eq!(row.diverted_by.as_deref(), Some("+4930111"), "the last one to pass the call on");
    assert_eq!((row.verstat, row.attestation), (stated.verstat, stated.attestation));
    let json = serde_json::to_string(&row).unwrap();
    assert!(json.contains(r#""diverted_by":"+4930111","verstat":"failed","attestation":"C","#), "{json}");
}

#[test]
fn a_call_that_goes_on_is_in_the_log_without_an_end() {
    let (_scratch, store) = store();
    run(&store, Story::of(1).greeted().records);
    let rows = store.reader().calls(&CallFilter::default()).unwrap();
    assert_eq!((rows[0].outcome, rows[0].ended_at, rows[0].duration_s), (Outcome::Ongoing, None, None));
}

#[test]
fn the_first_end_of_a_call_counts() {
    let (_scratch, store) = store();
    run(&store, Story::of(1).greeted().ended(Outcome::Missed).ended(Outcome::Failed).records);
    let rows = store.reader().calls(&CallFilter::default()).unwrap();
    assert_eq!(rows.iter().map(|row| row.outcome).collect::<Vec<_>>(), [Outcome::Missed]);
}

#[test]
fn the_log_is_asked_by_outcome_caller_and_time_newest_first() {
    let (_scratch, store) = store();
    let callers = ["+49301", "+4915%", "+4915_", "+43", "anonymous"];
    for (number, caller) in (1..).zip(callers) {
        let mut story = Story::from_caller(number, caller);
        let Some(Record::Started(started)) = story.records.first_mut() else { unreachable!() };
        started.at = at(i64::try_from(number).unwrap() * 100);
        let outcome = if number % 2 == 0 { Outcome::Voicemail } else { Outcome::Missed };
        run(&store, story.ended(outcome).records);
    }
    let asked = |filter: CallFilter| ids(&store.reader().calls(&filter).unwrap());
    let all = CallFilter::default;

    assert_eq!(asked(all()), [5, 4, 3, 2, 1]);
    assert_eq!(asked(CallFilter { limit: Some(2), ..all() }), [5, 4]);
    assert_eq!(asked(CallFilter { outcome: Some(Outcome::Voicemail), ..all() }), [4, 2]);
    assert_eq!(asked(CallFilter { since: Some(at(300)), ..all() }), [5, 4, 3]);
    let caller = |prefix: &str| asked(CallFilter { caller_prefix: Some(prefix.to_owned()), ..all() });
    assert_eq!(caller("+49"), [3, 2, 1]);
    assert_eq!(caller("+4915%"), [2], "a percent sign is no wildcard");
    assert_eq!(caller("+4915_"), [3], "nor is an underscore");
    assert_eq!(caller("' OR 1=1 --"), [0; 0]);
    let both = CallFilter { outcome: Some(Outcome::Missed), caller_prefix: Some("+49".into()), ..all() };
    assert_eq!(asked(both), [3, 1]);
}

#[test]
fn a_call_is_found_by_the_beginning_of_its_id_unless_several_begin_so() {
    let (_scratch, store) = store();
    for id in [0xabcd_0000_0000_0001, 0xabcd_0000_0000_0002, 0x7000_0000_0000_0000, 0x7f00_0000_0000_0000] {
        run(&store, Story::of(id).records);
    }
    let found = |id: &str| store.reader().call(id).map(|found| found.map(|(row, _)| row.id));
    assert_eq!(found("abcd000000000002").unwrap(), Some(CallId(0xabcd_0000_0000_0002)));
    assert_eq!(found("70").unwrap(), Some(CallId(0x7000_0000_0000_0000)));
    assert_eq!(found("7F").unwrap(), Some(CallId(0x7f00_0000_0000_0000)));
    assert!(matches!(found("abcd"), Err(StoreError::Ambiguous(id)) if id == "abcd"));
    for nothing in ["", "abcd000000000003", "%", "x", "abcd0000000000021", "a' OR '1'='1", "\0"] {
        assert_eq!(found(nothing).unwrap(), None, "{nothing:?}");
    }
}

#[test]
fn messages_are_listed_when_they_were_kept() {
    let (_scratch, store) = store();
    run(&store, Story::of(1).greeted().recording().recorded(true).ended(Outcome::Voicemail).records);
    run(&store, Story::of(2).greeted().recording().recorded(false).ended(Outcome::Missed).records);
    run(&store, Story::of(3).greeted().recording().records);
    let messages = store.reader().voicemails(&VoicemailFilter::default()).unwrap();
    let json = serde_json::to_string(&messages).unwrap();
    assert_eq!(
        json,
        r#"[{"call":"0000000000000001","hotline":"Emergency hotline","route":"Production","caller":"+4915112345678","at":"2026-01-05T08:00:02Z","duration_ms":4200,"state":"kept","truncated":false,"encrypted":false,"incident":null,"file":"0000000000000001.wav","gone_at":null}]"#
    );
    let voicemail = |id| store.reader().call(id).unwrap().unwrap().0.voicemail;
    assert_eq!(voicemail("0000000000000001").as_deref(), Some("0000000000000001.wav"));
    assert_eq!(voicemail("0000000000000002"), None);
    assert_eq!(voicemail("0000000000000003"), None);
}

#[test]
fn a_recorded_call_names_its_file_and_is_no_message() {
    let (_scratch, store) = store();
    run(&store, Story::of(1).bridged().call_recording().call_recorded().ended(Outcome::Accepted).records);
    run(&store, Story::of(2).bridged().call_recording().records);
    let recording = |id| store.reader().call(id).unwrap().unwrap().0.recording;
    assert_eq!(recording("0000000000000001").as_deref(), Some("0000000000000001.call.wav"));
    assert_eq!(recording("0000000000000002"), None, "it is not whole yet");
    assert_eq!(store.reader().voicemails(&VoicemailFilter::default()).unwrap(), []);
}

#[test]
fn a_clock_that_was_set_back_makes_no_negative_duration() {
    let (_scratch, store) = store();
    let mut story = Story::of(1).ended(Outcome::Missed);
    let Some(Record::Ended(ended)) = story.records.last_mut() else { unreachable!() };
    ended.at = at(-7200);
    run(&store, story.records);
    assert_eq!(store.reader().calls(&CallFilter::default()).unwrap()[0].duration_s, Some(0));
}

#[test]
fn the_live_view_sees_every_entry_in_order_and_one_that_sleeps_delays_nothing() {
    let (_scratch, store) = store();
    let (live, mut watching) = broadcast::channel::<Arc<Record>>(4);
    let (journal, reader) = Journal::new();
    let writer = store.start_writer(reader, Some(live)).unwrap();
    for record in Story::of(1).greeted().records {
        journal.write(record);
    }
    drop(journal);
    writer.join();
    assert!(matches!(*watching.try_recv().unwrap(), Record::Started(_)));
    let seq = |record: Arc<Record>| match &*record {
        Record::Step(event) => event.seq,
        other => panic!("{other:?}"),
    };
    assert_eq!(seq(watching.try_recv().unwrap()), 1);
    assert_eq!(seq(watching.try_recv().unwrap()), 2);

    // Far more than the channel holds, with nobody reading: the writer ends all the same.
    let (live, _sleeping) = broadcast::channel(1);
    let (journal, reader) = Journal::new();
    let writer = store.start_writer(reader, Some(live)).unwrap();
    for call in 10..1000 {
        Story::of(call).records.into_iter().for_each(|record| journal.write(record));
    }
    drop(journal);
    writer.join();
    assert_eq!(store.reader().calls(&CallFilter::default()).unwrap().len(), 991);
}

#[tokio::test]
async fn what_is_said_to_be_durable_can_be_read_by_others() {
    let (scratch, store) = store();
    let (journal, reader) = Journal::new();
    let writer = store.start_writer(reader, None).unwrap();
    let other = Store::open_read_only(scratch.path()).unwrap();
    for call in 1..=20 {
        Story::of(call).records.into_iter().for_each(|record| journal.write(record));
        assert!(journal.durable(Duration::from_secs(30)).await);
        assert_eq!(other.calls(&CallFilter::default()).unwrap().len(), usize::try_from(call).unwrap());
    }
    drop(journal);
    writer.join();
}

#[test]
fn what_hostile_callers_send_is_kept_as_it_came() {
    let (_scratch, store) = store();
    let long = "x".repeat(70_000);
    let hostile = [
        "'; DROP TABLE calls; --",
        "\" OR \"\"=\"",
        "\0after a nul",
        "\r\nVia: SIP/2.0/UDP evil",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\u{202e}drow\u{202c}",
        "=cmd|'/c calc'!A1",
        "<script>alert(1)</script>",
        "\u{10ffff}\u{fffd}",
        "",
        &long,
    ];
    for (call, caller) in (1..).zip(hostile) {
        run(&store, Story::from_caller(call, caller).greeted().ended(Outcome::Missed).records);
    }
    for (call, caller) in (1..).zip(hostile) {
        let (row, _) = store.reader().call(&CallId(call).to_string()).unwrap().unwrap();
        assert_eq!(row.caller, caller);
    }
    let filter = CallFilter { caller_prefix: Some("'; DROP".to_owned()), ..CallFilter::default() };
    assert_eq!(ids(&store.reader().calls(&filter).unwrap()), [1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_in_any_place_comes_back_unchanged(
        texts in proptest::array::uniform7(any::<String>()), id in any::<u64>(), leg in any::<u64>()
    ) {
        let (_scratch, store) = store();
        let mut story = Story::of(id).about(Step::DialTarget, nightbell::call::journal::StepResult::Failed, Some(&texts[0]))
            .dial(leg, &texts[1]).leg_up(leg).recording().recorded(true).ended(Outcome::Voicemail);
        for record in &mut story.records {
            match record {
                Record::Started(started) => {
                    started.caller.clone_from(&texts[2]);
                    started.hotline.clone_from(&texts[3]);
                    started.sip_call_id.clone_from(&texts[4]);
                }
                Record::Step(event) => event.detail.clone_from(&texts[5]),
                Record::Ended(ended) => ended.reason.clone_from(&texts[6]),
                _ => {}
            }
        }
        run(&store, story.records);
        let (row, timeline) = store.reader().call(&CallId(id).to_string()).unwrap().unwrap();
        prop_assert_eq!(row.id, CallId(id));
        let found = [row.caller, row.hotline, row.sip_call_id, row.end_reason.unwrap()];
        prop_assert_eq!(&found[..], [&texts[2], &texts[3], &texts[4], &texts[6]].map(String::as_str));
        prop_assert_eq!(timeline[0].target.as_ref(), Some(&texts[0]));
        prop_assert_eq!(timeline[1].target.as_ref(), Some(&texts[1]));
        prop_assert!(timeline.iter().all(|event| event.detail == texts[5]));
    }
}
