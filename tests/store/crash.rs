//! A daemon that stopped in the middle of calls: the next start tells the truth about each.

use jiff::ToSpan;
use nightbell::call::CallId;
use nightbell::call::journal::{Outcome, RecordingKind, Step, StepResult};
use nightbell::call::leg::LegId;
use nightbell::store::{CallRow, Reconciled, Store, Unfinished, VoicemailFilter};

use crate::scratch::Scratch;
use crate::story::{Story, at, run};

/// Writes what a run of the daemon has told before it stopped, and starts again an hour later.
fn crashed(stories: impl IntoIterator<Item = Story>) -> (Scratch, Store, Reconciled) {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path()).unwrap();
    run(&store, stories.into_iter().flat_map(|story| story.records));
    drop(store);
    let store = Store::open(scratch.path()).unwrap();
    let reconciled = store.reconcile(at(3600)).unwrap();
    (scratch, store, reconciled)
}

fn row(store: &Store, call: u64) -> CallRow {
    store.reader().call(&CallId(call).to_string()).unwrap().unwrap().0
}

#[test]
fn a_call_cut_off_in_each_state_gets_the_outcome_that_is_true() {
    let declined = |story: Story| story.about(Step::Bridge, StepResult::Failed, Some("anna"));
    let states: [(&str, Story, Outcome, bool); 12] = [
        ("before its first step", Story::of(1), Outcome::Failed, false),
        ("received", Story::of(2).step(Step::CallReceived), Outcome::Failed, false),
        (
            "turned away",
            Story::of(3).step(Step::CallReceived).step(Step::CallerBlocked),
            Outcome::Blocked,
            false,
        ),
        ("welcome", Story::of(4).greeted(), Outcome::Failed, true),
        ("menu", Story::of(5).chosen(), Outcome::Failed, true),
        ("dialling", Story::of(6).dialling(), Outcome::Failed, true),
        ("accept prompt", Story::of(7).screening(), Outcome::Failed, true),
        ("a bridge that did not come about", declined(Story::of(8).screening()), Outcome::Failed, true),
        ("bridge", Story::of(9).bridged(), Outcome::Accepted, true),
        ("recording", Story::of(10).greeted().step(Step::RecordMessage).recording(), Outcome::Failed, true),
        ("message kept", Story::of(11).greeted().recording().recorded(true), Outcome::Voicemail, true),
        ("hung up, the end not written", Story::of(12).greeted().step(Step::Hangup), Outcome::Missed, true),
    ];
    let expected: Vec<_> =
        (1..).zip(states.iter().map(|(name, _, outcome, heard)| (*name, *outcome, *heard))).collect();
    let (_scratch, store, reconciled) = crashed(states.into_iter().map(|(_, story, ..)| story));

    assert_eq!(reconciled.calls_closed, (1..=12).map(CallId).collect::<Vec<_>>());
    for (call, (name, outcome, answered)) in expected {
        let row = row(&store, call);
        assert_eq!(row.outcome, outcome, "{name}");
        assert_eq!(row.answered_at.is_some(), answered, "{name}");
    }
}

#[test]
fn a_call_cut_off_in_the_bridge_keeps_its_true_times_and_its_responder() {
    let (_scratch, store, _) = crashed([Story::of(9).bridged()]);
    let (row, timeline) = store.reader().call("0000000000000009").unwrap().unwrap();
    assert_eq!(row.answered_at, Some(at(2)), "the welcome is the first thing that a caller hears");
    assert_eq!(row.ended_at, Some(at(7)), "the time of the last thing that is known");
    assert_eq!(row.responder.as_deref(), Some("anna"));
    assert_eq!(row.route.as_deref(), Some("Production"));
    assert_eq!(row.end_reason.as_deref(), Some("the daemon stopped"));

    let last = timeline.last().unwrap();
    assert_eq!((last.seq, last.step, last.result), (8, Step::Hangup, StepResult::Failed));
    assert_eq!(last.at, at(7));
    assert_eq!(
        last.detail,
        "the daemon stopped during the call; noticed at its next start, 2026-01-05T09:00:00Z"
    );
}

#[test]
fn a_call_that_was_over_keeps_the_reason_it_ended_for() {
    let (_scratch, store, _) = crashed([Story::of(1).greeted().step(Step::Hangup)]);
    let (row, timeline) = store.reader().call("0000000000000001").unwrap().unwrap();
    assert_eq!(row.end_reason.as_deref(), Some("Hangup"));
    assert_eq!(timeline.len(), 3, "one hang-up is enough");
}

#[test]
fn calls_that_had_ended_are_left_alone() {
    let whole = Story::of(1).greeted().step(Step::Hangup).ended(Outcome::Missed);
    let (_scratch, store, reconciled) = crashed([whole]);
    assert_eq!(reconciled, Reconciled::default());
    assert_eq!(row(&store, 1).end_reason.as_deref(), Some("caller hung up"));
}

#[test]
fn reconciling_again_changes_nothing() {
    let (scratch, store, first) = crashed([Story::of(1).bridged(), Story::of(2).greeted().recording()]);
    let told = |store: &Store| {
        let all = store.reader().calls(&Default::default()).unwrap();
        all.iter().map(|row| store.reader().call(&row.id.to_string()).unwrap()).collect::<Vec<_>>()
    };
    let before = told(&store);
    drop(store);
    let store = Store::open(scratch.path()).unwrap();
    let second = store.reconcile(at(7200)).unwrap();
    assert_eq!(second, Reconciled { calls_closed: Vec::new(), ..first });
    assert_eq!(told(&store), before);
}

#[test]
fn legs_left_up_are_told_at_each_start_until_they_are_released() {
    let (scratch, store, reconciled) = crashed([Story::of(1).bridged(), Story::of(2).bridged().leg_down(2)]);
    let legs: Vec<_> = reconciled.legs_up.iter().map(|leg| (leg.call.0, leg.leg.0)).collect();
    // The second story's leg 2 is the number that went down, in both calls of this run.
    assert_eq!(legs, [(1, 1), (2, 1)]);
    assert_eq!(reconciled.legs_up[0].dialog, r#"{"leg":1}"#);

    // This run uses the same numbers again: its ends must not be taken for theirs.
    run(&store, Story::of(3).leg_up(1).leg_up(2).leg_down(1).ended(Outcome::Missed).records);
    drop(store);
    let store = Store::open(scratch.path()).unwrap();
    let legs: Vec<_> = store.reconcile(at(3600)).unwrap().legs_up;
    let named: Vec<_> = legs.iter().map(|leg| (leg.call.0, leg.leg)).collect();
    assert_eq!(named, [(1, LegId(1)), (2, LegId(1)), (3, LegId(2))]);

    store.legs_released().unwrap();
    assert_eq!(store.reconcile(at(3600)).unwrap().legs_up, []);
}

/// A message of which only the begin is known.
fn message(call: u64) -> Unfinished {
    let file = format!("{}.wav", CallId(call));
    Unfinished { call: CallId(call), kind: RecordingKind::Message, file }
}

#[test]
fn a_recovered_message_makes_its_call_a_voicemail() {
    let recording = |call| Story::of(call).greeted().step(Step::RecordMessage).recording();
    let (_scratch, store, reconciled) = crashed([recording(1), recording(2)]);
    assert_eq!(reconciled.recordings, [message(1), message(2)]);

    store.recording_recovered(&message(1), 3000, true).unwrap();
    store.recording_recovered(&message(2), 0, false).unwrap();
    assert_eq!(row(&store, 1).outcome, Outcome::Voicemail);
    assert_eq!(row(&store, 1).voicemail.as_deref(), Some("0000000000000001.wav"));
    assert_eq!((row(&store, 2).outcome, row(&store, 2).voicemail), (Outcome::Failed, None));
    assert_eq!(store.reader().voicemails(&VoicemailFilter::default()).unwrap().len(), 1);
    assert_eq!(store.reconcile(at(3600)).unwrap().recordings, []);
}

#[test]
fn a_recovered_message_does_not_take_away_that_somebody_accepted() {
    let (_scratch, store, _) = crashed([Story::of(1).bridged().recording()]);
    store.recording_recovered(&message(1), 3000, true).unwrap();
    assert_eq!(row(&store, 1).outcome, Outcome::Accepted);
}

#[test]
fn the_recording_of_a_call_that_was_cut_off_is_told_and_changes_no_outcome() {
    let (_scratch, store, reconciled) =
        crashed([Story::of(1).bridged().call_recording(), Story::of(2).call_recording()]);
    let left = |call| {
        let file = format!("{}.call.wav", CallId(call));
        Unfinished { call: CallId(call), kind: RecordingKind::Call, file }
    };
    assert_eq!(reconciled.recordings, [left(1), left(2)]);
    store.recording_recovered(&left(1), 61_000, true).unwrap();
    store.recording_recovered(&left(2), 61_000, true).unwrap();
    assert_eq!(row(&store, 1).recording.as_deref(), Some("0000000000000001.call.wav"));
    assert_eq!((row(&store, 1).outcome, row(&store, 2).outcome), (Outcome::Accepted, Outcome::Failed));
    assert_eq!(store.reader().voicemails(&VoicemailFilter::default()).unwrap(), []);
    assert_eq!(store.reconcile(at(3600)).unwrap().recordings, []);
}

#[test]
fn a_call_that_was_cut_off_lasted_as_long_as_its_recording() {
    let (_scratch, store, _) = crashed([Story::of(1).greeted().recording(), Story::of(2).bridged()]);
    let began = row(&store, 1).ended_at.unwrap();
    store.recording_recovered(&message(1), 61_250, true).unwrap();

    let (row_1, timeline) = store.reader().call("0000000000000001").unwrap().unwrap();
    assert_eq!(row_1.ended_at, Some(began + 61_250.milliseconds()));
    assert_eq!(
        timeline.last().map(|event| (event.step, event.at)),
        Some((Step::Hangup, row_1.ended_at.unwrap()))
    );
    assert_eq!(row(&store, 2).ended_at, Some(at(7)), "the other call is left alone");
}

#[test]
fn a_recording_that_was_dropped_leaves_the_end_of_its_call() {
    let (_scratch, store, _) = crashed([Story::of(1).bridged().recording()]);
    store.recording_recovered(&message(1), 0, false).unwrap();
    assert_eq!(row(&store, 1).ended_at, Some(at(7)));
}

#[test]
fn a_message_whose_row_a_power_cut_has_taken_is_found_again_by_the_name_of_its_file() {
    let kept = Story::of(2).greeted().recording().recorded(true);
    let (_scratch, store, before) = crashed([Story::of(1).greeted(), kept]);
    assert_eq!(before.recordings, []);
    let file = |call| RecordingKind::Message.file(CallId(call));

    let strangers = store.adopt_recordings(&[file(1), file(2), file(3), "notes.wav".to_owned()]).unwrap();
    assert_eq!(strangers, [file(3)], "a file whose call nobody knows");
    let found = store.reconcile(at(3600)).unwrap().recordings;
    let message = Unfinished { call: CallId(1), kind: RecordingKind::Message, file: file(1) };
    assert_eq!(found, std::slice::from_ref(&message), "the other one is whole");

    store.recording_recovered(&message, 4000, true).unwrap();
    assert_eq!(store.reader().voicemails(&VoicemailFilter::default()).unwrap().len(), 2);
    assert_eq!(row(&store, 1).outcome, Outcome::Voicemail);
}
