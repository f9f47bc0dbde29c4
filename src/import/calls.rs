//! Numbers for incoming calls: no export holds them, so a person answers eleven questions for each,
//! in a table that any office program opens; and it becomes the hotlines of our settings.

mod answers;
mod hotlines;

pub use answers::{AnswerError, Answers};
pub use hotlines::Origin;

use crate::import::Directory;

/// The columns, and what is asked in each.
const QUESTIONS: [(&str, &str); 14] = [
    (
        "number",
        "1. the number that is called, as in +4930123456; one line for each, and one more for each key",
    ),
    ("key", "2. a key of the menu: 1-9, 0, or * for all others; empty where there is no menu"),
    ("name", "   the name of the key's option; without a key, of the hotline"),
    ("menu_text", "   the words of the menu; empty: made from the options"),
    ("language", "3. en, de, fr, es, it, pt, nl or pl"),
    ("welcome", "4. the first words"),
    (
        "recipients",
        "5. whom to ring, in this order, with ; between: team:..., schedule:..., escalation:..., user:...",
    ),
    ("tries", "6. how many people are tried at most; 0: voicemail at once; empty: all"),
    ("notify", "7. when others are notified: at once, delayed 5 (minutes), or voicemail"),
    ("voicemail", "8. yes or no"),
    ("message", "   the words before the tone, or the closing words where there is no voicemail"),
    ("blocklist", "9. callers that are refused, with ; between: +49301234567, +4930999*, anonymous"),
    ("hold_music", "10. an audio file; empty: ours"),
    ("repeat", "11. yes: as the escalations say; no; or how often"),
];

/// An empty table with the questions and the names that may be used.
pub fn questionnaire(directory: &Directory) -> String {
    let mut lines: Vec<String> = vec![QUESTIONS.map(|(column, _)| column).join(",")];
    let mut say = |text: &str| lines.push(format!("\"# {}\"", text.replace('"', "\"\"")));
    say(
        "One line for each number, and one more for each key of its menu. Lines that begin with # are not read.",
    );
    for (column, question) in QUESTIONS {
        say(&format!("{column}: {question}"));
    }
    say("Names that may stand as recipients:");
    for (kind, name, target) in directory.names() {
        say(&format!("{kind}:{name} (here {target})"));
    }
    lines.push(String::new());
    lines.join("\r\n")
}
