//! From settings to plan: fills defaults in, looks names up, and collects every problem it finds.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use crate::call::filter::{CallerFilter, Entry};
use crate::call::plan::{Accept, AcceptKey, Fallback, Hotline, HotlineNumber, HotlinePrompts, Menu, Route};
use crate::call::prompt::{Piece, Prompt, SoundFile, Tone};
use crate::call::settings::{
    AcceptSettings, AudioSetting, DirectSetting, FallbackSettings, HotlineSettings, LevelSetting,
    MenuPromptSetting, MenuSettings, NumberList, Period, RecordingSettings, RouteSettings, SilenceSetting,
};
use crate::call::wording::{Names, Voice};
use crate::oncall::{DialPolicy, Roster, Target};
use crate::problem::{Problem, nearest};

/// The silence after words that are said over and over, in ms.
const HOLD_PAUSE_MS: u32 = 1000;

/// What hotlines are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The people, teams and schedules that routes name.
    pub roster: &'a Roster,
    /// The names of the trunks.
    pub trunks: &'a [&'a str],
    /// Whether there is a voice command.
    pub voice: bool,
    /// The folder of the settings file: audio files are relative to it.
    pub folder: &'a Path,
}

/// What came of the settings. Run it only if no problem is an error.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The hotlines.
    pub hotlines: Vec<Arc<Hotline>>,
    /// All that was found wrong.
    pub problems: Vec<Problem>,
    /// Where each text and file stands, for whoever loads them and finds one wanting.
    pub pieces: Vec<(Piece, Range<usize>)>,
}

/// Compiles all hotlines.
pub fn compile(settings: &[HotlineSettings], around: Surroundings<'_>) -> Compiled {
    let mut compiler = Compiler { around, problems: Vec::new(), pieces: Vec::new() };
    let hotlines = settings.iter().map(|hotline| Arc::new(compiler.hotline(hotline))).collect();
    let Compiler { mut problems, pieces, .. } = compiler;
    name_used_twice(settings, &mut problems);
    number_used_twice(settings, &mut problems);
    Compiled { hotlines, problems, pieces }
}

/// The log names a hotline, and its lines are counted by its name.
fn name_used_twice(settings: &[HotlineSettings], problems: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for name in settings.iter().map(|hotline| &hotline.name).filter(|name| !seen.insert(name.get_ref())) {
        let message = format!("there are two hotlines `{}`", name.get_ref());
        problems.push(Problem::error(name.span(), message).help("give each a name of its own"));
    }
}

/// Two hotlines cannot answer the same number over the same trunk.
fn number_used_twice(settings: &[HotlineSettings], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<HotlineNumber, &str> = HashMap::new();
    for hotline in settings {
        for number in &hotline.numbers {
            let Ok(parsed) = HotlineNumber::parse(number.get_ref()) else { continue };
            if let Some(other) = seen.insert(parsed, hotline.name.get_ref()) {
                problems.push(
                    Problem::error(
                        number.span(),
                        format!("the number {} already belongs to the hotline `{other}`", number.get_ref()),
                    )
                    .help("a number leads to one hotline; give one of the two another number"),
                );
            }
        }
    }
}

struct Compiler<'a> {
    around: Surroundings<'a>,
    problems: Vec<Problem>,
    pieces: Vec<(Piece, Range<usize>)>,
}

impl Compiler<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::error(span, message).help(help));
    }

    fn hotline(&mut self, settings: &HotlineSettings) -> Hotline {
        self.check_name(&settings.name);
        let name = settings.name.get_ref().as_str();
        let voice = Voice { language: settings.language, speaks: self.around.voice };
        let names = Names { hotline: name, route: "" };
        let routes: Vec<_> = settings
            .routes
            .iter()
            .map(|route| {
                let named = Names { route: route.name.get_ref(), ..names };
                Arc::new(self.route(route, settings.recording.calls, named, voice))
            })
            .collect();
        self.check_routes(settings, &routes);
        if settings.max_calls == 0 {
            let message = format!("the hotline `{name}` takes no call: max_calls is 0");
            self.error(settings.name.span(), message, "1 at least; enabled = false closes the line");
        }
        let welcome =
            self.audio(settings.welcome.as_ref(), names, voice).unwrap_or_else(|| voice.welcome(name));
        let menu = settings.menu.as_ref().map(|menu| self.menu(menu, names, voice, &routes, &welcome));
        let hold = self.hold(settings.hold.as_ref(), names, voice);
        let consent = self.consent(&settings.recording, &routes, names, voice);
        Hotline {
            name: name.to_owned(),
            numbers: self.numbers(settings),
            trunks: self.trunks(settings),
            enabled: settings.enabled,
            filter: CallerFilter::new(self.entries(&settings.allow), self.entries(&settings.block)),
            caller_id: settings.caller_id,
            max_calls: settings.max_calls,
            prompts: HotlinePrompts {
                welcome,
                please_hold: voice.shipped("please-hold"),
                hold,
                closed: voice.shipped("closed"),
                goodbye: voice.shipped("goodbye"),
                cannot_hear: voice.shipped("cannot-hear-you"),
                caller_gone: voice.shipped("caller-gone"),
                consent,
            },
            menu,
            routes,
        }
    }

    /// Names are spoken, and shown on terminals.
    fn check_name(&mut self, name: &Spanned<String>) {
        let text = name.get_ref();
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            let message = "a name needs letters, and no control characters";
            self.error(name.span(), message, "it is spoken to responders and shown in the log");
        }
    }

    fn numbers(&mut self, settings: &HotlineSettings) -> Vec<HotlineNumber> {
        if settings.numbers.is_empty() {
            let message = format!("the hotline `{}` has no number", settings.name.get_ref());
            self.error(settings.name.span(), message, "name at least one: numbers = [\"+4930123456\"]");
        }
        let mut numbers = Vec::new();
        for number in &settings.numbers {
            match HotlineNumber::parse(number.get_ref()) {
                Ok(parsed) => numbers.push(parsed),
                Err(why) => self.error(
                    number.span(),
                    format!("`{}` is not a number in E.164: {why}", number.get_ref()),
                    "write it with + and country code, as in +4930123456",
                ),
            }
        }
        numbers
    }

    fn trunks(&mut self, settings: &HotlineSettings) -> Arc<[String]> {
        if settings.trunks.is_empty() {
            let message = format!("the hotline `{}` has no trunk", settings.name.get_ref());
            self.error(settings.name.span(), message, "name at least one of the [[trunks]]");
        }
        for trunk in &settings.trunks {
            let known = self.around.trunks;
            if !known.contains(&trunk.get_ref().as_str()) {
                let help = match nearest(trunk.get_ref(), known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "trunks are named in [[trunks]]".to_owned(),
                };
                self.error(trunk.span(), format!("there is no trunk `{}`", trunk.get_ref()), &help);
            }
        }
        settings.trunks.iter().map(|trunk| trunk.get_ref().clone()).collect()
    }

    fn entries(&mut self, list: &NumberList) -> Vec<Entry> {
        let mut entries = Vec::new();
        for written in &list.0 {
            match Entry::parse(written.get_ref()) {
                Ok(entry) => entries.push(entry),
                Err(why) => self.error(
                    written.span(),
                    format!("`{}` is not a caller: {why}", written.get_ref()),
                    "write a number (+4930123456), a prefix (+49*) or \"anonymous\"",
                ),
            }
        }
        entries
    }

    fn check_routes(&mut self, settings: &HotlineSettings, routes: &[Arc<Route>]) {
        let at = settings.name.span();
        match (settings.menu.is_some(), routes.len()) {
            (_, 0) => self.error(at, "the hotline has no route", "add a [[hotlines.routes]] with its levels"),
            _ if !routes.iter().any(|route| route.enabled) => self.error(
                at,
                "no route of the hotline is enabled",
                "enable one, or write enabled = false at the hotline: callers then hear that it is closed",
            ),
            (false, 1) => {}
            (false, _) => self.error(
                at,
                "the hotline has several routes but no menu",
                "add [hotlines.menu], so that callers can choose",
            ),
            (true, _) => self.check_keys(settings),
        }
    }

    fn check_keys(&mut self, settings: &HotlineSettings) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for route in &settings.routes {
            let Some(key) = &route.key else {
                let message = format!("the route `{}` has no key", route.name.get_ref());
                self.error(route.name.span(), message, "with a menu every route has a key: 1-9, 0 or *");
                continue;
            };
            if let Some(other) = seen.insert(key.get_ref(), route.name.get_ref()) {
                let message = format!("the key {} already leads to `{other}`", key.get_ref());
                self.error(key.span(), message, "give each route a key of its own");
            }
        }
    }

    /// What both sides hear before a call is recorded.
    fn consent(
        &mut self,
        settings: &RecordingSettings,
        routes: &[Arc<Route>],
        names: Names<'_>,
        voice: Voice,
    ) -> Prompt {
        let records = routes.iter().any(|route| route.record_calls && !route.direct_voicemail);
        if let Some(consent) = settings.consent.as_ref().filter(|_| !records) {
            let unheard = Problem::warning(consent.span(), "nobody ever hears the words of consent");
            self.problems
                .push(unheard.help("no call is recorded: set calls = true, or record_calls at a route"));
        }
        if let Some(tone) = settings.consent.as_ref().filter(|consent| consent.get_ref().ringback.is_some()) {
            let mute = Problem::error(tone.span(), "a ringing tone tells nobody that the call is recorded");
            self.problems
                .push(mute.help("write consent = { say = \"...\" } or { file = \"...\" }, or leave it out"));
        }
        self.audio(settings.consent.as_ref(), names, voice)
            .unwrap_or_else(|| voice.shipped("may-be-recorded"))
    }

    fn route(
        &mut self,
        settings: &RouteSettings,
        record_calls: bool,
        names: Names<'_>,
        voice: Voice,
    ) -> Route {
        self.check_name(&settings.name);
        let levels = self.levels(settings);
        let max_people = settings.max_people.get_ref().0;
        let direct_voicemail = settings.direct == DirectSetting::Voicemail || max_people == Some(0);
        if levels.is_empty() && !direct_voicemail {
            self.error(
                settings.name.span(),
                format!("the route `{}` rings nobody", settings.name.get_ref()),
                "name who is rung in levels = [[\"schedule:NAME\"]], or set direct = \"voicemail\"",
            );
        }
        if *settings.repeat.get_ref() > 9 {
            self.error(
                settings.repeat.span(),
                "repeat is 0 to 9",
                "the chain is tried once and then repeated",
            );
        }
        if *settings.repeat.get_ref() > 0 && settings.skip_dialled {
            self.problems.push(
                Problem::warning(
                    settings.repeat.span(),
                    "repeat rings the same phones again although skip_dialled is set",
                )
                .help("skip_dialled holds within one pass of the chain; set it to false beside repeat"),
            );
        }
        Route {
            key: settings.key.as_ref().and_then(|key| self.key(key, "0123456789*")),
            name: settings.name.get_ref().clone(),
            enabled: settings.enabled,
            direct_voicemail,
            record_calls: settings.record_calls.unwrap_or(record_calls),
            policy: DialPolicy {
                levels,
                order: settings.order,
                phones: settings.phones,
                max_people,
                repeat: *settings.repeat.get_ref(),
                skip_dialled: settings.skip_dialled,
                skip_busy: settings.skip_busy,
            },
            ring: self.period(&settings.ring, 5..=120, "ring"),
            accept: self.accept(&settings.accept, names, voice),
            fallback: self.fallback(&settings.fallback, names, voice),
        }
    }

    fn levels(&mut self, settings: &RouteSettings) -> Vec<Vec<Target>> {
        let mut levels = Vec::new();
        for level in &settings.levels {
            if level.is_empty() {
                let message = format!("the route `{}` has an empty level", settings.name.get_ref());
                self.error(settings.name.span(), message, "name who is rung there, or take the level out");
            }
            let targets: Vec<_> = level.iter().filter_map(|written| self.target(written)).collect();
            levels.push(targets);
        }
        levels
    }

    fn target(&mut self, written: &Spanned<String>) -> Option<Target> {
        let checked =
            Target::from_str(written.get_ref()).map_err(|error| error.to_string()).and_then(|target| {
                match self.around.roster.check_target(&target) {
                    Ok(()) => Ok(target),
                    Err(unknown) => Err(unknown.to_string()),
                }
            });
        match checked {
            Ok(target) => Some(target),
            Err(why) => {
                self.error(
                    written.span(),
                    why,
                    "targets are person:ID, team:ID, schedule:ID and everyone:SCHEDULE, with ids of the on-call file",
                );
                None
            }
        }
    }

    fn accept(&mut self, settings: &AcceptSettings, names: Names<'_>, voice: Voice) -> Accept {
        let key = match settings.key.get_ref().as_str() {
            "any" => AcceptKey::Any,
            "none" => AcceptKey::None,
            _ => self.key(&settings.key, "0123456789*#").map_or(AcceptKey::Any, AcceptKey::Key),
        };
        let decline = match settings.decline.get_ref().as_str() {
            "none" => None,
            _ => self.key(&settings.decline, "0123456789*#"),
        };
        let accept_key = match key {
            AcceptKey::Key(key) => Some(key),
            AcceptKey::Any | AcceptKey::None => None,
        };
        if decline.is_some() && decline == accept_key {
            self.error(
                settings.decline.span(),
                "one key cannot both accept and decline",
                "choose another key",
            );
        }
        let prompt = self.audio(settings.prompt.as_ref(), names, voice);
        Accept {
            key,
            decline,
            timeout: self.period(&settings.timeout, 2..=60, "accept.timeout"),
            attempts: self.count(&settings.attempts, 1..=5, "accept.attempts"),
            prompt: prompt.unwrap_or_else(|| voice.accept(names, accept_key, decline)),
        }
    }

    fn fallback(&mut self, settings: &FallbackSettings, names: Names<'_>, voice: Voice) -> Fallback {
        let greeting = self.audio(settings.greeting.as_ref(), names, voice);
        let closing = self.audio(settings.closing.as_ref(), names, voice);
        Fallback {
            then: settings.then,
            greeting: greeting.unwrap_or_else(|| voice.shipped("leave-message")),
            beep: Prompt::tone(Tone::Beep),
            thanks: voice.shipped("thank-you-message"),
            closing: closing.unwrap_or_else(|| voice.shipped("nobody-available")),
            no_message: voice.shipped("no-message"),
            cut_short: voice.shipped("message-cut-short"),
            max_length: self.period(&settings.max_length, 5..=600, "fallback.max_length"),
            silence: self.silence_limit(&settings.silence),
        }
    }

    fn silence_limit(&mut self, written: &Spanned<SilenceSetting>) -> Option<Duration> {
        let period = Spanned::new(written.span(), written.get_ref().0?);
        Some(self.period(&period, 3..=600, "fallback.silence"))
    }

    fn menu(
        &mut self,
        settings: &MenuSettings,
        names: Names<'_>,
        voice: Voice,
        routes: &[Arc<Route>],
        welcome: &Prompt,
    ) -> Menu {
        let said_by_welcome =
            matches!(settings.prompt.as_ref().map(Spanned::get_ref), Some(MenuPromptSetting::Welcome));
        let prompt = match &settings.prompt {
            Some(written) => match written.get_ref() {
                MenuPromptSetting::Welcome => Some(welcome.clone()),
                MenuPromptSetting::Audio(audio) => self.one_audio(audio, written.span(), names, voice, false),
            },
            None => None,
        };
        let offered = || routes.iter().filter(|route| route.enabled);
        let keys = || offered().filter_map(|route| Some((route.key?, route.name.as_str())));
        Menu {
            prompt: prompt.unwrap_or_else(|| voice.menu(keys())),
            said_by_welcome,
            unknown_key: voice.shipped("route-unknown"),
            timeout: self.period(&settings.timeout, 1..=60, "menu.timeout"),
            attempts: self.count(&settings.attempts, 1..=9, "menu.attempts"),
            silence: self.silence(&settings.silence, routes),
        }
    }

    fn silence(&mut self, written: &Spanned<String>, routes: &[Arc<Route>]) -> Option<Arc<Route>> {
        if written.get_ref() == "replay" {
            return None;
        }
        let key = written.get_ref().strip_prefix("route:");
        let route = key.and_then(|key| {
            let leads =
                |route: &&Arc<Route>| route.enabled && route.key.is_some_and(|own| key.chars().eq([own]));
            routes.iter().find(leads).cloned()
        });
        if route.is_none() {
            let message = format!("`{}` is not what silence can mean", written.get_ref());
            self.error(
                written.span(),
                message,
                "write \"replay\", or \"route:KEY\" with the key of a route that is enabled",
            );
        }
        route
    }

    fn audio(
        &mut self,
        written: Option<&Spanned<AudioSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Option<Prompt> {
        let written = written?;
        self.one_audio(written.get_ref(), written.span(), names, voice, false)
    }

    /// What is played over and over. Words are said again after a pause.
    fn hold(&mut self, written: Option<&Spanned<AudioSetting>>, names: Names<'_>, voice: Voice) -> Prompt {
        let read =
            written.and_then(|written| self.one_audio(written.get_ref(), written.span(), names, voice, true));
        let hold = read.unwrap_or_else(|| Prompt::tone(Tone::Hold));
        match hold.0.last() {
            Some(Piece::Say { .. }) => hold.then(Prompt(vec![Piece::Pause(HOLD_PAUSE_MS)])),
            _ => hold,
        }
    }

    fn one_audio(
        &mut self,
        audio: &AudioSetting,
        span: Range<usize>,
        names: Names<'_>,
        voice: Voice,
        hold: bool,
    ) -> Option<Prompt> {
        let keep_level = audio.level == Some(LevelSetting::Keep);
        let read = match (&audio.say, &audio.file, &audio.ringback) {
            (_, None, _) if keep_level => Err("only a file has a level that can be kept".to_owned()),
            (Some(text), None, None) => names
                .fill(text)
                .map(|text| voice.say(text))
                .map_err(|unknown| format!("the placeholder {{{unknown}}} is not known here")),
            (None, Some(file), None) => {
                Ok(Prompt(vec![Piece::File(SoundFile { path: self.path(file), hold, keep_level })]))
            }
            (None, None, Some(country)) => ringback(country),
            _ => Err("a prompt is either a text or a file".to_owned()),
        };
        match read {
            Ok(prompt) => {
                self.pieces.extend(prompt.0.iter().map(|piece| (piece.clone(), span.clone())));
                Some(prompt)
            }
            Err(message) => {
                let help = "write { say = \"...\" } (placeholders: {hotline}, {route}), { file = \"...\" } \
                            or { ringback = \"de\" }";
                self.error(span, message, help);
                None
            }
        }
    }

    fn path(&self, file: &Path) -> PathBuf {
        self.around.folder.join(file)
    }

    fn key(&mut self, written: &Spanned<String>, allowed: &str) -> Option<char> {
        let mut chars = written.get_ref().chars();
        match (chars.next(), chars.next()) {
            (Some(key), None) if allowed.contains(key) => Some(key),
            _ => {
                let message = format!("`{}` is not a key", written.get_ref());
                self.error(written.span(), message, &format!("a key is one of {allowed}"));
                None
            }
        }
    }

    fn period(
        &mut self,
        written: &Spanned<Period>,
        seconds: std::ops::RangeInclusive<u64>,
        key: &str,
    ) -> Duration {
        let length = written.get_ref().0;
        let (least, most) = (Duration::from_secs(*seconds.start()), Duration::from_secs(*seconds.end()));
        if !(least..=most).contains(&length) {
            let message = format!(
                "{key} is {}, outside {} s to {} s",
                written.get_ref(),
                seconds.start(),
                seconds.end()
            );
            self.error(written.span(), message, "choose a length inside that range");
        }
        length
    }

    fn count(&mut self, written: &Spanned<u8>, range: std::ops::RangeInclusive<u8>, key: &str) -> u8 {
        let count = *written.get_ref();
        if !range.contains(&count) {
            let message = format!("{key} is {count}, outside {} to {}", range.start(), range.end());
            self.error(written.span(), message, "choose a number inside that range");
        }
        count
    }
}

fn ringback(country: &str) -> Result<Prompt, String> {
    match country {
        "de" => Ok(Prompt::tone(Tone::RingbackDe)),
        "us" => Ok(Prompt::tone(Tone::RingbackUs)),
        "gb" => Ok(Prompt::tone(Tone::RingbackGb)),
        _ => Err(format!("there is no ringing tone `{country}`; known are de, us and gb")),
    }
}
