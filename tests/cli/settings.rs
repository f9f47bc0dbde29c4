//! Settings with a fault: `check` and `run` name file, line, column and remedy, and end with status 2.

use std::os::unix::fs::PermissionsExt;

use crate::{Folder, ONCALL, SETTINGS};

/// Both commands refuse these files with status 2, and say all of this.
fn is_refused(name: &str, settings: &[u8], oncall: &[u8], says: &[&str]) {
    let folder = Folder::with(name, settings, oncall);
    for command in ["check", "run"] {
        let output = folder.output(&[command]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}, {command}: {said}");
        for part in says {
            assert!(said.contains(part), "{name}, {command}: {part:?} is missing in\n{said}");
        }
    }
}

fn settings_are_refused(name: &str, from: &str, to: &str, says: &[&str]) {
    assert!(SETTINGS.contains(from), "{from}");
    is_refused(name, SETTINGS.replacen(from, to, 1).as_bytes(), ONCALL.as_bytes(), says);
}

fn oncall_is_refused(name: &str, from: &str, to: &str, says: &[&str]) {
    assert!(ONCALL.contains(from), "{from}");
    is_refused(name, SETTINGS.as_bytes(), ONCALL.replacen(from, to, 1).as_bytes(), says);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    settings_are_refused("key", "sources", "sourcs", &["nightbell.toml:7:1", "did you mean `sources`?"]);
    oncall_is_refused("oncall-key", "phones", "phone", &["oncall.toml:3:1", "did you mean `phones`?"]);
}

#[test]
fn a_password_in_the_settings_is_shown_its_place() {
    settings_are_refused(
        "password",
        "[[trunks]]\n",
        "[[trunks]]\npassword = \"geheim\"\n",
        &["password_file = \"PATH\""],
    );
}

#[test]
fn a_person_without_a_phone_is_an_error() {
    oncall_is_refused(
        "no-phone",
        "\"sip:bob@127.0.0.1:9\"",
        "",
        &["oncall.toml:2:6", "person `bob` has no phone"],
    );
}

#[test]
fn a_route_to_an_unknown_schedule_is_an_error() {
    settings_are_refused(
        "schedule",
        "person:bob",
        "schedule:night",
        &["nightbell.toml:15:12", "there is no schedule `night`", "help:"],
    );
}

#[test]
fn a_key_for_use_during_a_call_is_a_star_and_a_digit_and_does_one_thing() {
    let keys = |keys: &str| format!("[hotlines.keys]\n{keys}\n[[hotlines.routes]]");
    let refused = |name: &str, written: &str, says: &[&str]| {
        settings_are_refused(name, "[[hotlines.routes]]", &keys(written), says);
    };
    refused(
        "star",
        "transfer = \"2\"",
        &["nightbell.toml:14:12", "`2` is no key for use during a call", "\"*1\""],
    );
    refused("twice", "help = \"*3\"", &["nightbell.toml:14:8", "the key *3 already does something else"]);
    refused("keys", "conferense = \"*1\"", &["did you mean `conference`?"]);
    let unknown = "levels = [[\"person:bob\"]]\ninvite = [\"person:rob\"]";
    settings_are_refused("invite", "levels = [[\"person:bob\"]]", unknown, &["there is no person `rob`"]);
}

#[test]
fn an_audio_file_that_is_missing_is_an_error() {
    let welcome = "trunks = [\"lan\"]\nwelcome = { file = \"none.mp3\" }";
    settings_are_refused(
        "audio",
        "trunks = [\"lan\"]",
        welcome,
        &["nightbell.toml:13:11", "none.mp3", "help:"],
    );
}

#[test]
fn only_a_file_has_a_level_that_can_be_kept() {
    let welcome = "trunks = [\"lan\"]\nwelcome = { ringback = \"de\", level = \"keep\" }";
    settings_are_refused(
        "level",
        "trunks = [\"lan\"]",
        welcome,
        &["nightbell.toml:13:11", "only a file has a level", "help:"],
    );
    let welcome = "trunks = [\"lan\"]\nwelcome = { file = \"a.wav\", level = \"loud\" }";
    settings_are_refused(
        "loud",
        "trunks = [\"lan\"]",
        welcome,
        &["nightbell.toml:13:37", "no value `loud`", "known are keep"],
    );
}

#[test]
fn a_ringing_tone_is_no_consent_to_be_recorded() {
    let recording = "trunks = [\"lan\"]\nrecording = { calls = true, consent = { ringback = \"de\" } }";
    settings_are_refused(
        "consent",
        "trunks = [\"lan\"]",
        recording,
        &["nightbell.toml:13:39", "tells nobody that the call is recorded", "help:"],
    );
}

#[test]
fn a_text_that_nothing_can_speak_is_an_error() {
    let welcome = "trunks = [\"lan\"]\nwelcome = { say = \"Hello\" }";
    settings_are_refused(
        "say",
        "trunks = [\"lan\"]",
        welcome,
        &["nightbell.toml:13:11", "no voice command", "help:"],
    );
}

#[test]
fn a_number_that_is_not_e164_is_an_error() {
    settings_are_refused("number", "+4930123456", "030123456", &["nightbell.toml:11:12", "E.164", "help:"]);
}

#[test]
fn sources_that_overlap_are_an_error() {
    let both = "[[trunks]]\nname = \"wan\"\nsources = [\"127.0.0.0/8\"]\n[[hotlines]]";
    settings_are_refused(
        "overlap",
        "[[hotlines]]",
        both,
        &["nightbell.toml:11:12", "overlaps 127.0.0.1/32", "help:"],
    );
}

#[test]
fn two_hotlines_with_one_number_are_an_error() {
    let second = SETTINGS.split_once("[[hotlines]]").unwrap().1;
    let settings = format!("{SETTINGS}[[hotlines]]{second}");
    is_refused(
        "twice",
        settings.as_bytes(),
        ONCALL.as_bytes(),
        &["nightbell.toml:18:12", "already belongs to", "help:"],
    );
}

#[test]
fn a_level_with_nobody_in_it_is_an_error() {
    settings_are_refused(
        "level",
        "\"person:bob\"",
        "",
        &["nightbell.toml:14:8", "has an empty level", "help:"],
    );
}

#[test]
fn a_hotline_that_could_never_take_a_call_is_an_error() {
    let none = "trunks = [\"lan\"]\nmax_calls = 0";
    settings_are_refused(
        "max-calls",
        "trunks = [\"lan\"]",
        none,
        &["nightbell.toml:10:8", "max_calls is 0", "help:"],
    );
}

#[test]
fn a_hotline_without_a_route_that_is_enabled_is_an_error() {
    settings_are_refused(
        "disabled",
        "name = \"Production\"",
        "name = \"Production\"\nenabled = false",
        &["nightbell.toml:10:8", "no route of the hotline is enabled", "hear that it is closed"],
    );
}

#[test]
fn two_hotlines_of_one_name_are_an_error() {
    let other = "[[hotlines]]\nname = \"Hotline\"\nnumbers = [\"+4930987654\"]\ntrunks = [\"lan\"]\n\
                 [[hotlines.routes]]\nname = \"All\"\ndirect = \"voicemail\"\n[[hotlines]]";
    settings_are_refused(
        "same-name",
        "[[hotlines]]",
        other,
        &["nightbell.toml:17:8", "there are two hotlines `Hotline`", "help:"],
    );
}

#[test]
fn a_trunk_that_is_not_there_is_named_with_the_nearest_that_is() {
    settings_are_refused(
        "trunk",
        "trunks = [\"lan\"]",
        "trunks = [\"lam\"]",
        &["nightbell.toml:12:11", "there is no trunk `lam`", "did you mean `lan`?"],
    );
}

#[test]
fn one_address_cannot_be_listened_on_twice() {
    let twice = "\"udp:127.0.0.1:5999\", \"udp:127.0.0.1:5999\"";
    settings_are_refused(
        "listen",
        "\"udp:127.0.0.1:0\"",
        twice,
        &["nightbell.toml:4:33", "written twice", "help:"],
    );
}

#[test]
fn a_value_of_the_wrong_type_comes_with_the_way_to_write_it() {
    settings_are_refused("type", "\"Hotline\"", "3", &["nightbell.toml:10:8", "help: write it in quotes"]);
    settings_are_refused(
        "network",
        "127.0.0.1/32",
        "127.0.0.1",
        &["nightbell.toml:7:12", "198.51.100.10/32"],
    );
}

#[test]
fn a_text_that_is_no_toml_is_shown_where_it_breaks_even_at_the_end_of_the_file() {
    let settings = format!("{SETTINGS}[[hotlines\n");
    is_refused("toml", settings.as_bytes(), ONCALL.as_bytes(), &["nightbell.toml:16:10", "unclosed"]);
}

#[test]
fn a_file_that_is_not_utf_8_is_shown_where_it_is_not() {
    let oncall = [ONCALL.as_bytes(), b"name = \"J\xfcrgen\"\n"].concat();
    is_refused("latin1", SETTINGS.as_bytes(), &oncall, &["oncall.toml:4:10", "UTF-8", "help:"]);
}

#[test]
fn empty_files_are_refused() {
    is_refused("empty", b"", b"", &["there is no hotline", "help:"]);
    is_refused(
        "empty-oncall",
        SETTINGS.as_bytes(),
        b"",
        &["nightbell.toml:15:12", "there is no person `bob`"],
    );
}

#[test]
fn a_phone_that_only_lacks_a_server_is_said_to_lack_it() {
    let settings = SETTINGS.replace("\"sip:*@127.0.0.1\"", "\"+49\"");
    let folder = Folder::with(
        "server",
        settings.as_bytes(),
        ONCALL.replace("sip:bob@127.0.0.1:9", "+49151").as_bytes(),
    );
    let output = folder.output(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("give the trunk lan a `server`"), "{said}");
}

#[test]
fn a_name_is_simulated_as_the_settings_write_it() {
    let settings = SETTINGS.replace("+4930123456", "sip:hotline");
    let folder = Folder::with("name", settings.as_bytes(), ONCALL.as_bytes());
    for to in ["hotline", "sip:hotline"] {
        let output = folder.output(&["simulate", "--to", to]);
        assert_eq!(output.status.code(), Some(0), "{to}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_database_that_cannot_be_looked_at_is_not_called_missing() {
    let folder =
        Folder::with("no-way-in", SETTINGS.replace("oncall = \"oncall.toml\"\n", "").as_bytes(), b"");
    // A file where the folder should be: the way to the database fails with something else than "not found".
    std::fs::write(folder.path().join("data"), "").unwrap();
    for command in [["calls", "--json"], ["oncall", "--json"]] {
        let output = folder.output(&command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot use") && !said.contains("no database"), "{said}");
    }
}

#[test]
fn a_data_directory_that_check_makes_is_for_its_owner_alone() {
    let settings = SETTINGS
        .replace("[sip]", "[voice]\ncommand = [\"cp\", \"voice.wav\", \"{output}\"]\n[sip]")
        .replace("trunks = [\"lan\"]", "trunks = [\"lan\"]\nwelcome = { say = \"Hello\" }");
    let folder = Folder::with("private", settings.as_bytes(), ONCALL.as_bytes());
    std::fs::write(folder.path().join("voice.wav"), crate::silence()).unwrap();
    let output = folder.command(&["check"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for made in ["data", "data/prompts"] {
        let mode = std::fs::metadata(folder.path().join(made)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{made}");
    }
}

#[test]
fn what_names_the_hotline_behind_a_caller_s_number_is_warned_of_where_no_number_is_passed_on() {
    let trunk = SETTINGS.replacen("[[trunks]]\n", "[[trunks]]\nforwarded = \"diversion\"\n", 1);
    for (name, settings, warns) in [
        ("forwarded", trunk.clone(), true),
        ("shown", trunk.replacen("[[hotlines]]\n", "[[hotlines]]\ncaller_id = \"caller\"\n", 1), false),
    ] {
        let folder = Folder::with(name, settings.as_bytes(), ONCALL.as_bytes());
        let output = folder.output(&["check"]);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.contains("forwarded of the trunk"), warns, "{said}");
    }
}

#[test]
fn all_faults_of_both_files_are_told_in_one_run() {
    let settings = SETTINGS
        .replace("sources = ", "max_cals = 3\nsources = ")
        .replace("[[hotlines.routes]]", "welcom = false\nmax_calls = \"many\"\n[[hotlines.routes]]")
        .replace("levels = ", "order = \"shufled\"\nring = \"900s\"\nlevels = ");
    let oncall = format!("{ONCALL}fone = 1\navailable = 3\nlanguage = \"xx\"\n[[schedule]]\nid = \"a\"\n");
    let folder = Folder::with("all", settings.as_bytes(), oncall.as_bytes());
    let said = String::from_utf8(folder.output(&["check"]).stderr).unwrap();
    for part in [
        "nightbell.toml:7:1",
        "did you mean `max_calls`?",
        "did you mean `welcome`?",
        "nightbell.toml:15:13",
        "did you mean `shuffled`?",
        "nightbell.toml:19:8",
        "oncall.toml:4:1",
        "oncall.toml:5:13",
        "oncall.toml:6:12",
        "did you mean `schedules`?",
    ] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
}

#[test]
fn a_key_that_is_misspelt_is_not_told_as_missing_as_well_and_faults_behind_it_are_told() {
    let settings =
        SETTINGS.replace("name = \"lan\"", "nam = \"lan\"").replace("name = \"Prod", "name = 3 #\"");
    let folder = Folder::with("misspelt", settings.as_bytes(), ONCALL.as_bytes());
    let said = String::from_utf8(folder.output(&["check"]).stderr).unwrap();
    assert!(said.contains("did you mean `name`?") && said.contains("expected a string"), "{said}");
    assert!(!said.contains("missing field"), "{said}");
}

#[test]
fn no_finding_shows_a_pin_a_password_or_the_address_of_a_calendar() {
    let settings =
        SETTINGS.replace("[[trunks]]", "[[trunks]]\npassword = \"geheim\"\nsecret = \"geheim\"").replace(
            "[[hotlines.routes]]",
            "pin = { codes = [{ nam = \"a\", code = \"geheim\" }] }\n[[hotlines.routes]]",
        );
    let oncall = format!(
        "{ONCALL}[[schedules]]\nid = \"a\"\ntimezone = \"UTC\"\ncalendar = \"http://cal.invalid:1 /geheim\"\n\
         [[schedules]]\nid = \"b\"\ntimezone = \"UTC\"\ncalendar = \"http://geheim@127.0.0.1:9/geheim?geheim\"\n"
    );
    for (name, settings, oncall) in [("pin", settings.as_str(), ONCALL), ("calendar", SETTINGS, &oncall)] {
        let folder = Folder::with(name, settings.as_bytes(), oncall.as_bytes());
        for options in [&["check"][..], &["check", "--json"]] {
            let output = folder.output(options);
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(said.contains("toml"), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}

#[test]
fn a_way_of_a_person_that_leads_nowhere_is_a_warning_with_what_was_meant() {
    let oncall = ONCALL.replacen("phones", "notify = [\"phone\", \"emial\", \"email\"]\nphones", 1);
    let output = Folder::with("ways", SETTINGS.as_bytes(), oncall.as_bytes()).output(&["check"]);
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "bob is to be told by `emial`, and no [[notify]] is for that",
        "did you mean `email`?",
        "add a [[notify]] that sends mail",
        "`bob` is to be told by mail and has no address",
    ] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
}

#[test]
fn a_person_whom_no_incident_would_reach_is_an_error() {
    oncall_is_refused(
        "no-way",
        "phones",
        "notify = []\nphones",
        &["oncall.toml:3:10", "notify names no way"],
    );
}

#[test]
fn a_target_that_knows_nobody_is_an_error_where_somebody_is_to_be_told() {
    let sms = "[[notify]]\nname = \"sms\"\nkind = \"sms\"\nurl = \"https://sms.acme.example\"\nbody = \"{{ to }}\"\n";
    let check = |more: &str| {
        let settings = format!("{SETTINGS}{more}{sms}");
        let output = Folder::with("tells-nobody", settings.as_bytes(), ONCALL.as_bytes()).output(&["check"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(check("").0, Some(0), "people may name it as their own way");
    for more in ["[hotlines.routes.incident]\nnotify = [\"sms\"]\n", "[alarms]\nnotify = [\"sms\"]\n"] {
        let (status, said) = check(more);
        assert_eq!(status, Some(2), "{more}");
        assert!(said.contains("`sms` would tell nobody: it has no `to`"), "{said}");
    }
}
