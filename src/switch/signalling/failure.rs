//! What it means that a phone was not answered.

use crate::call::leg::NotAnswered;
use crate::sip::reason::{Protocol, Reason, status_of};
use crate::sip::{FailureCause, Refusal};

/// What became of an INVITE that was not answered.
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) cause: FailureCause,
    pub(super) more: Box<Refusal>,
}

impl Failure {
    /// The reason phrase, with what the telephone network says, and where a redirection points.
    pub(super) fn in_words(&self) -> String {
        let mut words = self.reason.clone();
        // A gateway that only says the same in other numbers says nothing.
        let says_more = |because: &&Reason| {
            because.protocol == Protocol::Q850 && status_of(because.cause) != Some(self.status)
        };
        if let Some(because) = self.more.because.as_ref().filter(says_more) {
            words.push_str(&format!(" ({because})"));
        }
        if let Some(target) = &self.more.redirected_to {
            words.push_str(&format!(" (it points to {target}, which is not called)"));
        }
        words
    }

    /// Whether the telephone network says that it is the phone or its number: another way leads to the same.
    pub(super) fn is_the_phones(&self) -> bool {
        matches!(self.q850(), Some(1 | 17..=20 | 22 | 28))
    }

    /// The Q.850 cause, where the network has named one that means more than its status. A cause that only
    /// says that the call was cleared means nothing.
    fn q850(&self) -> Option<u16> {
        let because = self.more.because.as_ref().filter(|because| because.protocol == Protocol::Q850)?;
        Some(because.cause).filter(|cause| !matches!(cause, 16 | 31 | 127))
    }
}

/// What a final response means for the chain: busy, declined and no answer lead to the
/// next person, and what blames the number is for the operator to mend. A Q.850 cause knows better than
/// the status that some gateway has made of it.
pub(super) fn not_answered(failure: &Failure) -> NotAnswered {
    let status = failure.status;
    match failure.cause {
        FailureCause::Timeout => return NotAnswered::Unreachable("the trunk did not answer".to_owned()),
        FailureCause::Transport => {
            return NotAnswered::Unreachable("the trunk could not be reached".to_owned());
        }
        FailureCause::NoMedia => {
            return NotAnswered::Unreachable("it answered without a codec in common".to_owned());
        }
        FailureCause::Authentication => {
            let why = failure.in_words();
            let why = format!("the trunk did not accept our credentials: {status} {why}");
            return NotAnswered::Unreachable(why);
        }
        FailureCause::Response | FailureCause::Cancelled => {}
    }
    match (failure.q850(), status) {
        (Some(17), _) => NotAnswered::Busy,
        (Some(18..=20), _) => NotAnswered::NoAnswer,
        // 21 also comes with the refusals of carriers (403), which the operator must see.
        (Some(21), 480 | 486 | 600 | 603) => NotAnswered::Declined,
        (Some(1 | 3 | 22 | 28), 400..=599) => NotAnswered::Rejected { status, reason: failure.in_words() },
        (Some(27 | 34 | 38 | 41 | 42 | 44 | 47), 400..=599) => {
            NotAnswered::Unreachable(format!("{status} {}", failure.in_words()))
        }
        (_, 486 | 600) => NotAnswered::Busy,
        (_, 603 | 607 | 608) => NotAnswered::Declined,
        (_, 408 | 480 | 487) => NotAnswered::NoAnswer,
        (_, 500..=599) => NotAnswered::Unreachable(format!("{status} {}", failure.in_words())),
        _ => NotAnswered::Rejected { status, reason: failure.in_words() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, q850: Option<u16>) -> Failure {
        let because = q850.map(|cause| Reason::new(Protocol::Q850, cause));
        let more = Box::new(Refusal { because, ..Refusal::default() });
        Failure { status, reason: "No".to_owned(), cause: FailureCause::Response, more }
    }

    #[test]
    fn the_cause_in_the_telephone_network_counts_more_than_the_status_made_of_it() {
        for (status, cause, expected) in [
            (486, None, NotAnswered::Busy),
            (480, None, NotAnswered::NoAnswer),
            (603, None, NotAnswered::Declined),
            (503, Some(17), NotAnswered::Busy),
            (500, Some(19), NotAnswered::NoAnswer),
            (480, Some(21), NotAnswered::Declined),
            (480, Some(16), NotAnswered::NoAnswer),
            (486, Some(127), NotAnswered::Busy),
        ] {
            assert_eq!(not_answered(&failure(status, cause)), expected, "{status} {cause:?}");
        }
        let unallocated = not_answered(&failure(480, Some(1)));
        let reason = "No (Q.850 cause 1, unallocated number)".to_owned();
        assert_eq!(unallocated, NotAnswered::Rejected { status: 480, reason });
        let congested = not_answered(&failure(480, Some(42)));
        let why = "480 No (Q.850 cause 42, switching equipment congestion)".to_owned();
        assert_eq!(congested, NotAnswered::Unreachable(why));
    }

    #[test]
    fn a_busy_phone_is_not_rung_by_another_way_and_a_full_network_is() {
        assert!(failure(503, Some(17)).is_the_phones());
        assert!(!failure(503, Some(34)).is_the_phones());
        assert!(!failure(503, None).is_the_phones());
    }

    #[test]
    fn a_redirection_is_told_and_not_called() {
        let mut moved = failure(302, None);
        moved.more.redirected_to = Some("sip:+88299@premium.test".to_owned());
        let reason = "No (it points to sip:+88299@premium.test, which is not called)".to_owned();
        assert_eq!(not_answered(&moved), NotAnswered::Rejected { status: 302, reason });
    }
}
