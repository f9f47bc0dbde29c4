//! What `oncall.toml` may say, and what is said about it when it is wrong.

use nightbell::oncall::{
    Language, Member, OncallFile, PersonId, ScheduleId, Stacking, Target, TeamId, Turns,
};
use nightbell::problem::{Problem, Severity};

use crate::{at, people, roster};

const EXAMPLE: &str = include_str!("../../config/oncall.toml");

/// The problems of a file: severity, the text at the place, the message, the help.
fn problems(text: &str) -> Vec<String> {
    let (_, problems) = OncallFile::parse(text).unwrap().compile();
    problems.iter().map(|problem| told(text, problem)).collect()
}

fn told(text: &str, problem: &Problem) -> String {
    let place = problem.span.clone().map_or("nowhere", |span| text.get(span).unwrap());
    let severity = match problem.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let help = problem.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
    format!("{severity} at {place}: {}{help}", problem.message)
}

#[test]
fn the_shipped_example_is_without_fault() {
    let roster = roster(EXAMPLE);
    assert_eq!(roster.people.keys().map(PersonId::as_str).collect::<Vec<_>>(), ["anna", "bob", "carla"]);
    assert_eq!(roster.people[&PersonId::new("anna")].language, Some(Language::De));
    assert_eq!(roster.people[&PersonId::new("anna")].phones.len(), 2);
    let carla = &roster.people[&PersonId::new("carla")];
    assert_eq!(carla.phones.len(), 2);
    assert_eq!(carla.confirmed_phones().count(), 1, "the unconfirmed one is not rung");
    assert_eq!(roster.teams[&TeamId::new("sre")].levels.len(), 3);
    let production = &roster.schedules[&ScheduleId::new("production")];
    assert_eq!(production.stacking, Stacking::Layers);
    assert_eq!(production.overrides.len(), 1);
    let second = &roster.schedules[&ScheduleId::new("sre-secondary")];
    assert_eq!(second.stacking, Stacking::Parallel);
    assert_eq!(second.rotations[1].people[1], Member::Nobody);
}

#[test]
fn somebody_is_always_on_call_in_the_shipped_example() {
    let roster = roster(EXAMPLE);
    for schedule in ["production", "sre-primary", "sre-secondary"] {
        let gaps =
            roster.gaps(&ScheduleId::new(schedule), at("2026-01-06T00:00:00Z"), at("2028-01-06T00:00:00Z"));
        assert_eq!(gaps, [], "{schedule}");
    }
}

#[test]
fn the_text_forms_of_a_schedule_read_back_as_the_same() {
    for schedule in roster(EXAMPLE).schedules.values() {
        assert_eq!(schedule.timezone.to_string().parse(), Ok(schedule.timezone.clone()));
        assert_eq!(Stacking::from_word(schedule.stacking.as_str()), Some(schedule.stacking));
        for rotation in &schedule.rotations {
            let Turns::Every(every) = rotation.turns else { continue };
            assert_eq!(every.to_string().parse(), Ok(every));
            assert!(rotation.hours.iter().all(|hours| hours.to_string().parse() == Ok(*hours)));
            assert!(rotation.people.iter().all(|member| member.to_string().parse() == Ok(member.clone())));
        }
    }
}

#[test]
fn all_faults_are_found_at_once_each_at_its_place() {
    let text = r#"
[[people]]
id = "anna"
phones = ["030123", "sip:anna"]
email = "anna"

[[people]]
id = "anna"

[[people]]
id = "a b"
name = ""
phones = ["+4915100001", "+4915100001"]

[[people]]
id = "nobody"
phones = [{ phone = "+4915100002", unconfirmed = true }]

[[teams]]
id = "sre"
levels = [["schedule:prodution"], [], ["bob", "group:x", "person:ana"]]

[[teams]]
id = "empty"
levels = []

[[schedules]]
id = "production"
timezone = "Europe/Berln"
stacking = "layer"
[[schedules.rotations]]
name = "weekly"
people = []
every = "1 fortnight"
start = "tomorrow"
until = "2026-13-01"
hours = ["mon-fri", "mon-fry 09:00-17:00", "25:00-26:00", "sat 10:00-10:00"]
[[schedules.rotations]]
name = "weekly"
people = ["carl"]
every = "48 hours"
start = "2026-01-05 09:00"
until = "2026-01-05 09:00"
[[schedules.overrides]]
person = "anna"
from = "2026-12-24 18:00"
until = "2026-12-24 09:00"

[[schedules]]
id = "bare"
timezone = "UTC"
"#;
    assert_eq!(
        problems(text),
        [
            "error at \"anna\": `anna` is not an e-mail address (write it as in anna@acme.example)",
            "error at \"030123\": `030123` is not a phone: a number starts with + and the country code, as in \
             +4930123456",
            "error at \"sip:anna\": `sip:anna` is not a phone: a SIP address is written sip:user@host or \
             sip:user@host:port",
            "error at \"anna\": there are two persons `anna` (give one of them another id)",
            "error at \"anna\": person `anna` has no phone (add `phones = [\"+49...\"]`: numbers in E.164 or \
             SIP addresses)",
            "error at \"a b\": `a b` cannot be the id of a person (use letters, digits, `-`, `_` and `.`, at \
             most 64 of them)",
            "error at \"\": a name is one line of text, and not empty",
            "warning at \"+4915100001\": a b has the phone +4915100001 twice; it is rung once",
            "error at \"nobody\": nobody can be called `nobody` (choose another id: in a rotation `nobody` is \
             a gap on purpose)",
            "warning at \"nobody\": person `nobody` has no confirmed phone and is never rung (take \
             `unconfirmed` away once the person has confirmed the number)",
            "error at []: this level is empty (name somebody in it or take it away)",
            "error at \"bob\": `bob` does not say what it is: write `person:bob`, `team:bob`, `schedule:bob`, \
             `everyone:bob` or `escalation:bob`",
            "error at \"group:x\": `group:` is no kind of target: there are `person:`, `team:`, `schedule:`, \
             `everyone:` and `escalation:`",
            "error at \"empty\": team `empty` has no levels (add `levels = [[\"person:...\"]]`)",
            "error at \"Europe/Berln\": `Europe/Berln` is not a time zone of this machine (did you mean \
             `Europe/Berlin`?)",
            "error at \"layer\": `layer` is no way of stacking rotations (`layers`: later rotations cover \
             earlier ones; `parallel`: all are on call)",
            "error at \"weekly\": there are two rotations `weekly` in this schedule (give one of them another \
             name)",
            "error at []: rotation `weekly` has no people (name those who take turns, or `nobody`)",
            "error at \"mon-fry 09:00-17:00\": `fry` is not a day: mon, tue, wed, thu, fri, sat or sun",
            "error at \"25:00-26:00\": `25:00` is not a time of the day, 00:00 to 24:00",
            "error at \"sat 10:00-10:00\": `sat 10:00-10:00` ends as it begins: leave `hours` out for all the \
             time, or write 00:00-24:00 for whole days",
            "error at \"tomorrow\": `tomorrow` is not a time (write the schedule's own wall-clock time, as in \
             \"2026-01-05 09:00\")",
            "error at \"1 fortnight\": `1 fortnight` is not the length of a turn: write a count and hours, days, \
             weeks or months, as in \"1 week\"",
            "error at \"2026-13-01\": `2026-13-01` is not a time (write the schedule's own wall-clock time, as \
             in \"2026-01-05 09:00\")",
            "warning at \"48 hours\": turns of 48 hours move by an hour whenever the clocks are changed (write \
             \"2 days\" to hand over at the same time of the day always)",
            "error at \"2026-01-05 09:00\": this ends before it has begun (`until` is the first moment after \
             it)",
            "error at \"2026-12-24 09:00\": this ends before it has begun (`until` is the first moment after \
             it)",
            "warning at \"bare\": schedule `bare` has no rotation: nobody is ever on call",
            "error at \"schedule:prodution\": there is no schedule `prodution` (did you mean `production`?)",
            "error at \"person:ana\": there is no person `ana` (did you mean `anna`?)",
            "error at \"carl\": there is no person `carl`",
        ]
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_known_ones() {
    let text = "[[people]]\nid = 'anna'\nphone = ['+4915100001']\n";
    let refusal = OncallFile::parse(text).unwrap_err();
    assert_eq!(text.get(refusal.span().unwrap()), Some("phone"));
    assert!(refusal.message().contains("unknown field `phone`, expected one of"), "{refusal}");
    let text = "[[people]]\nid = 'anna'\nphones = [{ phone = '+4915100001', confirmed = false }]\n";
    assert!(OncallFile::parse(text).unwrap_err().message().contains("unknown field `confirmed`"));
    let text = "[[people]]\nid = 'anna'\nphones = [4915100001]\n";
    assert!(OncallFile::parse(text).unwrap_err().message().contains("a phone in quotes"));
}

#[test]
fn everybody_is_phoned_about_incidents_beside_the_other_ways_unless_it_is_refused() {
    let text = "[[people]]\nid = 'a'\nphones = ['+4915100001']\nemail = 'a@acme.example'\nnotify = ['email']\n\
                [[people]]\nid = 'b'\nphones = ['+4915100002']\n\
                [[people]]\nid = 'c'\nphones = ['+4915100003']\nnotify = ['chat', 'no-phone']\n\
                [[people]]\nid = 'd'\nphones = ['+4915100004']\nnotify = ['no-phone']\n";
    let (roster, problems) = OncallFile::parse(text).unwrap().compile();
    let phoned: Vec<bool> = roster.people.values().map(|person| person.is_phoned()).collect();
    assert_eq!(phoned, [true, true, false, false]);
    let told: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(told, ["no incident would ever reach `d`"]);
}

#[test]
fn circles_of_teams_and_schedules_are_told_as_the_way_round() {
    let text = format!(
        "{}[[teams]]\nid = 'one'\nlevels = [['team:two']]\n[[teams]]\nid = 'two'\nlevels = [['person:a'], ['schedule:s']]\n\
         [[teams]]\nid = 'self'\nlevels = [['team:self', 'team:one']]\n\
         [[schedules]]\nid = 's'\ntimezone = 'UTC'\n[[schedules.rotations]]\nname = 'r'\npeople = ['team:one']\n\
         every = '1 day'\nstart = '2026-01-01'\n",
        people(&["a"])
    );
    assert_eq!(
        problems(&text),
        [
            "error at 'schedule:s': these stand inside each other in a circle: team:one -> team:two -> schedule:s \
             -> team:one (take one of them out)"
                .replace("'schedule:s'", "'team:one'"),
            "error at 'team:self': these stand inside each other in a circle: team:self -> team:self (take one of \
             them out)"
                .to_owned(),
        ]
    );
}

#[test]
fn what_is_nested_deeper_than_calls_follow_is_an_error() {
    let teams = |deepest: usize| {
        let inner = |number: usize| match number {
            1 => "person:a".to_owned(),
            _ => format!("team:t{}", number - 1),
        };
        let entry = |number| format!("[[teams]]\nid = 't{number}'\nlevels = [['{}']]\n", inner(number));
        people(&["a"]) + &(1..=deepest).map(entry).collect::<String>()
    };
    assert_eq!(problems(&teams(8)), [] as [&str; 0]);
    assert_eq!(
        problems(&teams(9)),
        [
            "error at 'team:t8': team:t9 has teams and schedules nested more than 8 deep (name the people or the \
          inner team directly)"
        ]
    );
}

#[test]
fn targets_are_checked_for_other_files_too() {
    let roster = roster(EXAMPLE);
    let check = |text: &str| roster.check_target(&text.parse::<Target>().unwrap()).map_err(|e| e.to_string());
    assert_eq!(check("team:sre"), Ok(()));
    assert_eq!(check("everyone:production"), Ok(()));
    assert_eq!(check("team:sr"), Err("there is no team `sr`; did you mean `sre`?".to_owned()));
    assert_eq!(check("person:zebedee"), Err("there is no person `zebedee`".to_owned()));
}

#[test]
fn the_examples_of_the_guide_can_be_read() {
    let guide = include_str!("../../docs/guide/oncall.md");
    let examples: Vec<&str> =
        guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 8, "{} examples", examples.len());
    for example in examples {
        let schedule = if example.starts_with("[[schedules.") {
            "[[schedules]]\nid = 's'\ntimezone = 'UTC'\n"
        } else {
            ""
        };
        let text = format!("{schedule}{example}");
        let (_, problems) = OncallFile::parse(&text).unwrap().compile();
        let own: Vec<&Problem> =
            problems.iter().filter(|problem| !problem.message.starts_with("there is no ")).collect();
        assert_eq!(own, [] as [&Problem; 0], "beside the names that other examples define:\n{text}");
    }
}
