//! Rows 13 to 20: who is let in.

use nightbell::call::journal::{Outcome, Step};
use nightbell::call::leg::Farewell;

use crate::house::{House, PEOPLE, one_route};
use crate::story::{Caller, Sign, accepts_after, caller, secs, upon};
use crate::told::Told;

/// A call to a hotline with these lines in its settings. Anna accepts.
async fn call(lines: &str, caller: Caller) -> Told {
    let settings = one_route(r#"[["person:anna"]]"#, "").replace("trunks =", &format!("{lines}\ntrunks ="));
    let mut house = House::with(&settings, PEOPLE);
    house.phone("anna", accepts_after(secs(1)));
    house.call(caller.hangs_up(upon(Sign::Bridged).plus(secs(5)))).await
}

async fn outcome(lines: &str, number: &'static str) -> Outcome {
    let caller = if number == "anonymous" { caller().anonymous() } else { caller().from(number) };
    call(lines, caller).await.outcome
}

#[tokio::test(start_paused = true)]
async fn row_13_only_numbers_on_the_allow_list_are_let_in_and_an_empty_list_lets_everyone_in() {
    let list = r#"allow = ["+4930123", "+43*"]"#;
    assert_eq!(outcome(list, "+4930123").await, Outcome::Accepted);
    assert_eq!(outcome(list, "+436601").await, Outcome::Accepted);
    assert_eq!(outcome(list, "+4930124").await, Outcome::Blocked);
    assert_eq!(outcome("allow = []", "+4930124").await, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn row_14_numbers_on_the_block_list_are_not_let_in() {
    let list = r#"block = ["+4930123"]"#;
    assert_eq!(outcome(list, "+4930123").await, Outcome::Blocked);
    assert_eq!(outcome(list, "+4930124").await, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn row_15_entries_are_numbers_prefixes_country_codes_and_withheld_numbers_in_a_list_or_a_text() {
    let forms = [
        r#"block = ["+4930123", "+44*", "+1", "anonymous"]"#,
        r#"block = "+4930123, +44*, +1, anonymous""#,
        "block = \"\"\"\n+4930123\n+44*\n+1,\nanonymous\n\"\"\"",
    ];
    for list in forms {
        for blocked in ["+4930123", "+442071", "+12025550", "anonymous"] {
            assert_eq!(outcome(list, blocked).await, Outcome::Blocked, "{list}: {blocked}");
        }
        // A whole number is no prefix.
        assert_eq!(outcome(list, "+49301234").await, Outcome::Accepted, "{list}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_16_the_block_list_beats_the_allow_list() {
    let lists = "allow = [\"+49\"]\nblock = [\"+4930999*\"]";
    assert_eq!(outcome(lists, "+49309991").await, Outcome::Blocked);
    assert_eq!(outcome(lists, "+4930123").await, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn row_17_the_lists_are_the_first_thing_a_call_meets() {
    // Also before the last line is taken and before it is said that the hotline is closed.
    let call = call("enabled = false\nblock = [\"+49*\"]", caller().from("+4930123")).await;
    assert_eq!(call.outcome, Outcome::Blocked);
    assert_eq!(call.heard("caller"), [""; 0]);
    assert_eq!(call.count(Step::Welcome), 0);
}

#[tokio::test(start_paused = true)]
async fn row_18_who_is_blocked_is_refused_at_once_without_a_word_and_the_record_says_so() {
    let call = call("block = [\"anonymous\"]", caller().anonymous()).await;
    assert_eq!(call.released("caller"), (0, Farewell::Refused, None));
    assert!(!call.was_answered());
    assert_eq!((call.heard("caller").len(), call.rang().len()), (0, 0));
    assert_eq!((call.outcome, call.count(Step::CallerBlocked)), (Outcome::Blocked, 1));
    assert_eq!(call.reason, "the caller is on the block list");
}
