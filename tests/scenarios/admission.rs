//! Who is let in.

use nightbell::call::journal::Outcome;
use nightbell::call::leg::Farewell;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{Caller, Sign, accepts_after, caller, secs, upon};
use crate::told::Told;

/// A call to a hotline with this line in its settings. Anna accepts.
async fn call(line: &str, caller: Caller) -> Told {
    let settings = one_route(r#"[["person:anna"]]"#, "").replace("trunks =", &format!("{line}\ntrunks ="));
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", accepts_after(secs(1)));
    house.call(caller.hangs_up(upon(Sign::Bridged).plus(secs(5)))).await
}

fn turned_away(call: &Told) {
    assert_eq!(call.outcome, Outcome::Blocked);
    assert!(!call.was_answered());
    assert_eq!(call.released("caller"), (0, Farewell::Refused, None));
    assert_eq!(call.rang(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_caller_is_refused_without_a_word() {
    let call = call("block = [\"+49301*\"]", caller().from("+4930123")).await;
    turned_away(&call);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4930123 calls +4930123456 over carrier
       0.000   CallerBlocked       the caller is on the block list
       0.000   Hangup              the caller is on the block list
    blocked: the caller is on the block list
    "#);
}

#[tokio::test(start_paused = true)]
async fn only_callers_on_the_allow_list_are_let_in() {
    let line = "allow = [\"+43\", \"+4930123\"]";
    turned_away(&call(line, caller().from("+4930124")).await);
    turned_away(&call(line, caller().anonymous()).await);
    assert_eq!(call(line, caller().from("+4930123")).await.outcome, Outcome::Accepted);
    assert_eq!(call(line, caller().from("+43111222")).await.outcome, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn block_beats_allow() {
    turned_away(&call("allow = [\"+49\"]\nblock = [\"+4930*\"]", caller().from("+4930124")).await);
}

#[tokio::test(start_paused = true)]
async fn callers_without_a_number_are_let_in_unless_they_are_blocked() {
    let let_in = call("", caller().anonymous()).await;
    assert_eq!(let_in.outcome, Outcome::Accepted);
    let refused = call("block = [\"anonymous\"]", caller().anonymous()).await;
    turned_away(&refused);
    insta::assert_snapshot!(refused.timeline(), @r#"
       0.000   CallReceived        anonymous calls +4930123456 over carrier
       0.000   CallerBlocked       the caller is on the block list
       0.000   Hangup              the caller is on the block list
    blocked: the caller is on the block list
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_hotline_that_is_switched_off_says_that_it_is_closed() {
    let call = call("enabled = false", caller()).await;
    assert_eq!(call.outcome, Outcome::Missed);
    assert_eq!(call.heard("caller"), ["[en/closed]"]);
    assert_eq!(call.rang(), [""; 0]);
    insta::assert_snapshot!(call.timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       2.100   Closing             the line is closed; the closing message was played
       2.100   Hangup              the line is closed
    missed: the line is closed
    "#);
}

#[tokio::test(start_paused = true)]
async fn one_call_more_than_the_hotline_takes_is_refused_until_a_line_is_free() {
    let settings = one_route(r#"[["person:anna"]]"#, "").replace("trunks =", "max_calls = 1\ntrunks =");
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", accepts_after(secs(1)));
    let in_turn =
        |name, at| caller().named(name).calls_at(secs(at)).hangs_up(upon(Sign::Bridged).plus(secs(20)));
    let calls = house.calls(vec![in_turn("first", 0), in_turn("second", 5), in_turn("third", 60)]).await;
    assert_eq!(calls[0].outcome, Outcome::Accepted);
    assert_eq!(calls[1].outcome, Outcome::Missed);
    assert_eq!(calls[1].released("second"), (0, Farewell::Overload, None));
    assert!(!calls[1].was_answered());
    insta::assert_snapshot!(calls[1].timeline(), @r#"
       0.000   CallReceived        +4915155500 calls +4930123456 over carrier
       0.000   Hangup              all lines of the hotline were in use
    missed: all lines of the hotline were in use
    "#);
    assert_eq!(calls[2].outcome, Outcome::Accepted);
}
