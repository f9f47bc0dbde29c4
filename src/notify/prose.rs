//! A notice in words, for chats, mail and phones: what happened in one line, and what is to be known of it, so that
//! a person at three in the morning sees at a glance whether to get up.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::cut;
use crate::incident::{Event, Notice, Severity, Sound};

/// The longest title, in characters: what comes of a caller's name ends somewhere.
const LONGEST_TITLE: usize = 200;
/// The longest value of a detail, in characters.
const LONGEST_VALUE: usize = 200;
/// The longest text, and the longest transcript, in characters.
pub const LONGEST_TEXT: usize = 2000;

/// How a notice looks at a glance, whatever the language of whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Somebody has to come.
    Red,
    /// Somebody should look.
    Orange,
    /// To be known.
    Blue,
    /// Somebody is on it.
    Yellow,
    /// It is over.
    Green,
}

impl Colour {
    /// That of a notice.
    pub fn of(notice: &Notice) -> Self {
        match (notice.event, notice.severity) {
            (Event::Acknowledge, _) => Self::Yellow,
            (Event::Resolve, _) => Self::Green,
            (Event::Update, _) | (Event::Trigger, Severity::Info) => Self::Blue,
            (Event::Trigger, Severity::Warning) => Self::Orange,
            (Event::Trigger, Severity::Critical | Severity::Error) => Self::Red,
        }
    }

    /// Red, green and blue, as one number.
    pub fn rgb(self) -> u32 {
        match self {
            Self::Red => 0x00d1_242f,
            Self::Orange => 0x00e3_6209,
            Self::Blue => 0x0009_69da,
            Self::Yellow => 0x00d4_a72c,
            Self::Green => 0x001a_7f37,
        }
    }

    /// The same for HTML.
    pub fn hex(self) -> String {
        format!("#{:06x}", self.rgb())
    }

    /// A disc in this colour.
    pub fn disc(self) -> &'static str {
        match self {
            Self::Red => "🔴",
            Self::Orange => "🟠",
            Self::Blue => "🔵",
            Self::Yellow => "🟡",
            Self::Green => "🟢",
        }
    }
}

/// The notice in one line: what is new first, then what it is about.
pub fn headline(notice: &Notice) -> String {
    let title = title(notice);
    match (notice.event, notice.by.as_deref().map(line)) {
        (Event::Trigger, _) => title,
        (Event::Acknowledge, Some(by)) => format!("{by} has taken it on: {title}"),
        (Event::Acknowledge, None) => format!("Acknowledged: {title}"),
        (Event::Resolve, Some(by)) => format!("Resolved by {by}: {title}"),
        (Event::Resolve, None) => format!("Resolved: {title}"),
        (Event::Update, _) => format!("Update: {title}"),
    }
}

/// What it is about, in one line.
pub fn title(notice: &Notice) -> String {
    cut(&line(&notice.title), LONGEST_TITLE)
}

/// What happened, where that is more than the title says; of a transcript what fits.
pub fn text(notice: &Notice) -> Option<String> {
    let said = cut(&lines(&notice.text), LONGEST_TEXT);
    (!said.is_empty() && said != title(notice)).then_some(said)
}

/// What the caller said, where it was written out and the text does not hold it anyway.
pub fn transcript(notice: &Notice) -> Option<String> {
    let said = notice.transcript.as_deref().map(lines).filter(|said| !said.is_empty())?;
    (!lines(&notice.text).contains(&said)).then(|| cut(&said, LONGEST_TEXT))
}

/// What is to be known of it: names and values, each in one line. Only what there is.
pub fn details(notice: &Notice) -> Vec<(&'static str, String)> {
    let caller = notice.caller.as_ref().map(|number| match &notice.caller_name {
        Some(name) => format!("{number} ({})", line(name)),
        None => number.clone(),
    });
    let hotline = notice.hotline.as_ref().map(|hotline| match &notice.route {
        Some(route) if route != hotline => format!("{hotline}, {route}"),
        _ => hotline.clone(),
    });
    let assigned = notice.assigned.iter().map(|party| line(&party.name)).collect::<Vec<_>>().join(", ");
    let all = [
        ("For", notice.to.as_ref().map(|to| to.party.name.clone())),
        ("Severity", Some(notice.severity.to_string()).filter(|_| notice.event == Event::Trigger)),
        ("Caller", caller),
        ("Hotline", hotline),
        ("Number called", notice.number.clone()),
        ("Call began", notice.started_at.map(moment)),
        ("Assigned", Some(assigned).filter(|names| !names.is_empty())),
        ("Message", notice.voicemail.as_ref().map(sound)),
        ("Incident", notice.incident.clone()),
    ];
    let there = all.into_iter().filter_map(|(name, value)| Some((name, cut(&line(&value?), LONGEST_VALUE))));
    there.filter(|(_, value)| !value.is_empty()).collect()
}

/// All of it, one thing a line, without any markup.
pub fn plain(notice: &Notice) -> String {
    let mut written = String::new();
    for part in
        text(notice).into_iter().chain(transcript(notice).map(|said| format!("The caller said: {said}")))
    {
        let _ = writeln!(written, "{part}");
    }
    for (name, value) in details(notice) {
        let _ = writeln!(written, "{name}: {value}");
    }
    if let Some(link) = &notice.link {
        let _ = writeln!(written, "{link}");
    }
    written.trim_end().to_owned()
}

/// A moment as the clock on the machine's wall shows it.
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `23 s`, `1 min 5 s`
pub fn sound(sound: &Sound) -> String {
    let seconds = sound.duration_ms.div_ceil(1000);
    let cut = if sound.truncated { ", cut short" } else { "" };
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s{cut}"),
        (minutes, 0) => format!("{minutes} min{cut}"),
        (minutes, seconds) => format!("{minutes} min {seconds} s{cut}"),
    }
}

/// As much of a text as has so many characters at most once it is escaped.
pub fn escaped_within(text: &str, most: usize, escape: fn(&str) -> String) -> String {
    let mut kept = text.chars().count().min(most);
    loop {
        let shown = escape(&cut(text, kept));
        match shown.chars().count() {
            length if length <= most || kept <= 1 => return shown,
            length => kept = kept * most / length,
        }
    }
}

/// A text as one line, without what moves a cursor or turns the direction of writing.
pub fn line(text: &str) -> String {
    text.split(|letter: char| letter.is_whitespace() || !is_shown(letter))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The same, with its line breaks.
fn lines(text: &str) -> String {
    text.lines().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn is_shown(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A notice with all there can be.
    pub fn notice(event: Event) -> Notice {
        let party = |id: &str, name: &str| crate::incident::Party {
            id: id.to_owned(),
            name: name.to_owned(),
            email: Some(format!("{id}@acme.example")),
        };
        Notice {
            event,
            id: format!("hotline-c1-{event}-1"),
            dedup_key: "hotline-c1".to_owned(),
            incident: Some("7".to_owned()),
            at: "2026-01-05T02:00:00Z".parse().unwrap(),
            title: "Nobody answered a call to Emergency hotline".to_owned(),
            text: "The caller left a message.".to_owned(),
            severity: Severity::Critical,
            status: "triggered".to_owned(),
            by: (event != Event::Trigger).then(|| "Anna Schmidt".to_owned()),
            assigned: vec![party("anna", "Anna Schmidt"), party("bob", "Bob")],
            hotline: Some("Emergency hotline".to_owned()),
            number: Some("+4930123456".to_owned()),
            route: Some("Production".to_owned()),
            call: Some("c1".to_owned()),
            started_at: Some("2026-01-05T01:59:00Z".parse().unwrap()),
            caller: Some("+4915112345678".to_owned()),
            caller_name: Some("Carla".to_owned()),
            voicemail: Some(Sound { file: "c1.wav".to_owned(), duration_ms: 64_400, truncated: false }),
            transcript: Some("The pump has stopped.".to_owned()),
            link: Some("https://wiki.acme.example/calls/c1".to_owned()),
            to: None,
        }
    }

    /// What a caller may call himself.
    pub fn hostile() -> String {
        let nasty = "@channel <!everyone> <script>alert(1)</script> [x](http://evil.example) *_~`|>#\\ {{ 7*7 }}\r\n\
                     Bcc: all@acme.example\r\n\r\n\0\u{1b}[2J\u{202e}\"'&%n ";
        nasty.repeat(100)
    }

    #[test]
    fn the_first_words_say_what_is_new() {
        let said = |event| headline(&notice(event));
        let title = "Nobody answered a call to Emergency hotline";
        assert_eq!(said(Event::Trigger), title);
        assert_eq!(said(Event::Acknowledge), format!("Anna Schmidt has taken it on: {title}"));
        assert_eq!(said(Event::Resolve), format!("Resolved by Anna Schmidt: {title}"));
        assert_eq!(said(Event::Update), format!("Update: {title}"));
    }

    #[test]
    fn an_alarm_that_knows_no_call_shows_only_what_there_is() {
        let alarm = Notice {
            incident: None,
            assigned: Vec::new(),
            hotline: None,
            number: None,
            route: None,
            call: None,
            started_at: None,
            caller: None,
            caller_name: None,
            voicemail: None,
            transcript: None,
            link: None,
            ..notice(Event::Trigger)
        };
        assert_eq!(plain(&alarm), "The caller left a message.\nSeverity: critical");
    }

    #[test]
    fn what_a_caller_calls_himself_stays_in_its_line_and_ends_somewhere() {
        let of = Notice { caller_name: Some(hostile()), title: hostile(), ..notice(Event::Trigger) };
        let shown = plain(&of) + &headline(&of);
        assert!(shown.chars().all(|letter| letter == '\n' || is_shown(letter)), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("Bcc")));
        assert!(shown.chars().count() < 1200, "{}", shown.len());
    }

    #[test]
    fn what_grows_when_it_is_escaped_is_cut_before_and_never_inside_an_escape() {
        let escape = |text: &str| text.replace('&', "&amp;");
        assert_eq!(escaped_within("a&b", 7, escape), "a&amp;b");
        let shown = escaped_within(&"&".repeat(100), 20, escape);
        assert!(
            shown.chars().count() <= 20 && shown.starts_with("&amp;&amp;") && shown.ends_with("&amp;…"),
            "{shown}"
        );
    }

    #[test]
    fn lengths_of_messages_are_told_in_minutes_and_seconds() {
        let told = |duration_ms, truncated| sound(&Sound { file: String::new(), duration_ms, truncated });
        assert_eq!(told(64_400, false), "1 min 5 s");
        assert_eq!(told(23_000, true), "23 s, cut short");
        assert_eq!(told(120_000, false), "2 min");
    }
}
