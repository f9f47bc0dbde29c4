//! Every key of the settings is documented, and every documented key exists.

use std::collections::BTreeSet;

use crate::{first_cell, read};

/// A page, and for each heading on it the source and the struct whose fields are the keys of the
/// table below it.
type Page = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const SETTINGS: Page = (
    "docs/guide/config.md",
    &[
        ("## Top level", "src/daemon/config.rs", "File"),
        ("## [sip]", "src/switch/settings.rs", "SipSettings"),
        ("## [sip.tls]", "src/switch/settings.rs", "SipTlsSettings"),
        ("## [media]", "src/switch/settings.rs", "MediaSettings"),
        ("## [voice]", "src/switch/prompts/voice.rs", "VoiceSettings"),
        ("## [storage]", "src/daemon/storage.rs", "StorageSettings"),
        ("## [calendars]", "src/daemon/feeds/health.rs", "CalendarSettings"),
        ("## [[trunks]]", "src/switch/settings.rs", "TrunkSettings"),
        ("## [trunks.inbound_auth]", "src/switch/credentials.rs", "InboundAuthSettings"),
        ("## [trunks.limits]", "src/switch/settings.rs", "LimitsSettings"),
        ("## [trunks.tls]", "src/switch/settings.rs", "TrunkTlsSettings"),
        ("## [[hotlines]]", "src/call/settings/hotline.rs", "HotlineSettings"),
        ("## [hotlines.menu]", "src/call/settings/menu.rs", "MenuSettings"),
        ("## [hotlines.pin]", "src/call/settings/pin.rs", "PinSettings"),
        ("## [[hotlines.pin.codes]]", "src/call/settings/pin.rs", "PinCodeSettings"),
        ("## [[hotlines.callers]]", "src/call/settings/callers.rs", "CallerSettings"),
        ("## [hotlines.repeated]", "src/call/settings/callers.rs", "RepeatedSettings"),
        ("## [hotlines.prompts]", "src/call/settings/prompts.rs", "PromptsSettings"),
        ("## [hotlines.waiting]", "src/call/settings/waiting.rs", "WaitingSettings"),
        ("## [hotlines.recording]", "src/call/settings/hotline.rs", "RecordingSettings"),
        ("## [hotlines.keys]", "src/call/settings/keys.rs", "KeysSettings"),
        ("## [[hotlines.routes]]", "src/call/settings/route.rs", "RouteSettings"),
        ("## [hotlines.routes.pause]", "src/call/settings/waiting.rs", "PauseSettings"),
        ("## [hotlines.routes.accept]", "src/call/settings/accept.rs", "AcceptSettings"),
        ("## [hotlines.routes.fallback]", "src/call/settings/fallback.rs", "FallbackSettings"),
        ("## [hotlines.routes.incident]", "src/call/settings/incident.rs", "IncidentSettings"),
        ("## [hotlines.routes.chase]", "src/call/settings/chase.rs", "ChaseSettings"),
        ("## [incidents]", "src/notify/settings.rs", "IncidentsSettings"),
        ("## [alarms]", "src/daemon/alarms/settings.rs", "AlarmsSettings"),
        ("## [transcript]", "src/daemon/transcript/settings.rs", "TranscriptSettings"),
        ("## [[notify]]", "src/notify/settings.rs", "TargetSettings"),
        ("## [retention]", "src/daemon/retention/settings.rs", "RetentionSettings"),
        ("## [voicemail]", "src/daemon/messages/settings.rs", "VoicemailSettings"),
        ("## [[expect]]", "src/daemon/expect.rs", "Expectation"),
        ("## Audio", "src/call/settings/audio.rs", "AudioSetting"),
    ],
);

const ONCALL: Page = (
    "docs/guide/oncall.md",
    &[
        ("## People", "src/oncall/settings.rs", "PersonEntry"),
        ("## Escalations", "src/oncall/settings.rs", "EscalationEntry"),
        ("## Schedules", "src/oncall/settings.rs", "ScheduleEntry"),
        ("### Rotations", "src/oncall/settings.rs", "RotationEntry"),
        ("### Overrides", "src/oncall/settings.rs", "OverrideEntry"),
        ("## Opening hours", "src/oncall/settings.rs", "HoursEntry"),
    ],
);

/// The names of a struct's fields, in the form rustfmt gives them.
fn fields(source: &str, name: &str) -> BTreeSet<String> {
    let head = format!("struct {name} {{\n");
    let (_, rest) = source.split_once(&head).unwrap_or_else(|| panic!("there is no struct {name}"));
    let (body, _) = rest.split_once("\n}").unwrap_or_else(|| panic!("the struct {name} has no end"));
    let field = |line: &str| {
        let line = line.strip_prefix("    ")?;
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let (field, _) = line.split_once(": ")?;
        let field = field.strip_prefix("r#").unwrap_or(field);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        (!field.is_empty() && field.chars().all(plain)).then(|| field.to_owned())
    };
    body.lines().filter_map(field).collect()
}

/// The keys in the first table under a heading.
fn documented(page: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) = page
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("the page has no heading `{heading}`"));
    let table = rest.lines().skip_while(|line| !line.starts_with('|'));
    table.take_while(|line| line.starts_with('|')).filter_map(first_cell).map(str::to_owned).collect()
}

/// The tables that have a heading of their own: `[sip]`, `[[trunks]]`.
fn tables(page: &str) -> BTreeSet<String> {
    let heading = |line: &str| Some(line.strip_prefix("## [")?.trim_matches(['[', ']']).to_owned());
    page.lines().filter_map(heading).collect()
}

fn assert_documented((page, sections): Page) {
    let text = read(page);
    let tables = tables(&text);
    let mut wrong = Vec::new();
    for (heading, source, name) in sections {
        let known = fields(&read(source), name);
        assert!(!known.is_empty(), "no field of {name} was found in {source}");
        let documented = documented(&text, heading);
        let missing = known.difference(&documented).filter(|key| !tables.contains(*key));
        wrong.extend(missing.map(|key| format!("`{key}` of {name} is not documented under `{heading}`")));
        let unknown = documented.difference(&known);
        wrong.extend(unknown.map(|key| format!("`{key}` under `{heading}` is no field of {name}")));
    }
    assert!(wrong.is_empty(), "{page}:\n{}", wrong.join("\n"));
}

#[test]
fn every_key_of_the_settings_is_documented_and_every_documented_key_exists() {
    assert_documented(SETTINGS);
}

#[test]
fn every_key_of_the_on_call_file_is_documented_and_every_documented_key_exists() {
    assert_documented(ONCALL);
}

#[test]
fn every_table_of_the_settings_is_compared() {
    let (page, sections) = SETTINGS;
    let compared: BTreeSet<&str> = sections.iter().map(|(heading, ..)| *heading).collect();
    let page = read(page);
    let headings = page.lines().filter(|line| line.starts_with("## "));
    let left_out: Vec<_> = headings.filter(|heading| !compared.contains(heading)).collect();
    assert!(left_out.is_empty(), "not compared with the code: {left_out:?}");
}

#[test]
fn every_dependency_has_its_line() {
    let manifest = read("Cargo.toml");
    let dependencies = manifest
        .split("\n[")
        .filter(|table| table.starts_with("dependencies]") || table.starts_with("dev-dependencies]"))
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name));
    let page = read("docs/decisions/dependencies.md");
    let explained: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .flat_map(|(names, _)| names.split(", "))
        .collect();
    let missing: Vec<_> = dependencies.filter(|name| !explained.contains(name)).collect();
    assert!(missing.is_empty(), "not in docs/decisions/dependencies.md: {missing:?}");
}
