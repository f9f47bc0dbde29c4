//! What is heard: texts, files and tones.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use crate::call::plan::{HotlineNumber, HotlinePrompts, IncidentPrompts, Route, Translated};
use crate::call::prompt::{Piece, Prompt, SoundFile, Tone};
use crate::call::settings::{AudioSetting, HotlineSettings, LevelSetting, PromptSetting, RecordingSettings};
use crate::call::wording::{Names, Voice};
use crate::problem::Problem;

/// The silence after words that are said over and over, in ms.
const HOLD_PAUSE_MS: u32 = 1000;

impl Compiler<'_> {
    /// Everything a hotline says apart from its menu and routes.
    pub(super) fn prompts(
        &mut self,
        settings: &HotlineSettings,
        routes: &[Arc<Route>],
        names: Names<'_>,
        voice: Voice,
    ) -> HotlinePrompts {
        let written = &settings.prompts;
        let shipped = |name| voice.shipped(name);
        let welcome = self.may_be_unsaid(settings.welcome.as_ref(), names, voice);
        let please_hold = self.may_be_unsaid(written.please_hold.as_ref(), names, voice);
        let next_person = self.audio(written.next_person.as_ref(), names, voice);
        let connected = self.may_be_unsaid(written.connected.as_ref(), names, voice);
        let goodbye = self.may_be_unsaid(written.goodbye.as_ref(), names, voice);
        let cannot_hear = self.may_be_unsaid(written.cannot_hear.as_ref(), names, voice);
        let caller_gone = self.may_be_unsaid(written.caller_gone.as_ref(), names, voice);
        let taken = self.may_be_unsaid(written.taken.as_ref(), names, voice);
        let say_name = self.audio(written.say_name.as_ref(), names, voice);
        let unknown_key = self.may_be_unsaid(written.unknown_key.as_ref(), names, voice);
        let thanks = self.may_be_unsaid(written.thanks.as_ref(), names, voice);
        let closed = self.audio(written.closed.as_ref(), names, voice);
        let no_message = self.audio(written.no_message.as_ref(), names, voice);
        let cut_short = self.audio(written.cut_short.as_ref(), names, voice);
        HotlinePrompts {
            welcome: welcome.or_shipped(|| voice.welcome(names.hotline)),
            please_hold: please_hold.or_shipped(|| shipped("please-hold")),
            next_person: next_person.unwrap_or_else(|| shipped("next-person")),
            hold: self.hold(settings.hold.as_ref(), names, voice),
            connected: connected.or_shipped(|| shipped("connected")),
            closed: closed.unwrap_or_else(|| shipped("closed")),
            goodbye: goodbye.or_shipped(|| shipped("goodbye")),
            cannot_hear: cannot_hear.or_shipped(|| shipped("cannot-hear-you")),
            caller_gone: self.translated(caller_gone, voice, |voice| voice.shipped("caller-gone")),
            taken: self.translated(taken, voice, |voice| voice.shipped("taken")),
            phone_confirmed: self.translated(Words::Shipped, voice, |voice| voice.shipped("phone-confirmed")),
            incident: self.incident_prompts(settings, names, voice),
            say_name: say_name.unwrap_or_else(|| shipped("say-name")),
            unknown_key: unknown_key.or_shipped(|| shipped("route-unknown")),
            thanks: thanks.or_shipped(|| shipped("thank-you-message")),
            no_message: no_message.unwrap_or_else(|| shipped("no-message")),
            cut_short: cut_short.unwrap_or_else(|| shipped("message-cut-short")),
            consent: self.consent(&settings.recording, routes, names, voice),
        }
    }

    /// What people hear who are phoned about an incident.
    fn incident_prompts(
        &self,
        settings: &HotlineSettings,
        names: Names<'_>,
        voice: Voice,
    ) -> IncidentPrompts {
        let numbers = settings.numbers.iter().map(|number| HotlineNumber::parse(number.get_ref()));
        let number = numbers.flatten().find_map(|number| match number {
            // An only hotline needs nothing to be told from others by.
            HotlineNumber::Number(number) if self.settings.len() > 1 => Some(number),
            _ => None,
        });
        let words = |ours: &dyn Fn(Voice) -> Prompt| self.translated(Words::Shipped, voice, ours);
        let what = |what, message| {
            words(&|voice: Voice| voice.incident(names.hotline, number.as_ref(), what, message))
        };
        IncidentPrompts {
            message: what("message-left", true),
            missed: what("call-missed", false),
            open: what("call-open", false),
            again: words(&Voice::message),
            taken_on: words(&|voice| voice.shipped("taken-on")),
            passed_on: words(&|voice| voice.shipped("next-person")),
            settled: words(&|voice| voice.shipped("settled")),
        }
    }

    pub(super) fn may_be_unsaid(
        &mut self,
        written: Option<&Spanned<PromptSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Words {
        let Some(written) = written else { return Words::Shipped };
        match written.get_ref() {
            PromptSetting::Shipped(true) => Words::Shipped,
            PromptSetting::Shipped(false) => Words::Own(Prompt::default()),
            PromptSetting::Audio(audio) => {
                let own = self.one_audio(audio, written.span(), names, voice, false);
                own.map_or(Words::Shipped, Words::Own)
            }
        }
    }

    /// Words to responders: our own in the language of each, the operator's as they are.
    pub(super) fn translated(
        &self,
        written: Words,
        voice: Voice,
        ours: impl Fn(Voice) -> Prompt,
    ) -> Translated {
        if let Words::Own(own) = written {
            return Translated { usual: own, ..Translated::default() };
        }
        let languages = self.around.roster.people.values().filter_map(|person| person.language);
        let others = languages.filter(|language| *language != voice.language);
        let others = others.map(|language| (language, ours(Voice { language, ..voice })));
        Translated { usual: ours(voice), others: others.collect() }
    }

    /// What both sides hear before a call is recorded.
    pub(super) fn consent(
        &mut self,
        settings: &RecordingSettings,
        routes: &[Arc<Route>],
        names: Names<'_>,
        voice: Voice,
    ) -> Prompt {
        let records = routes
            .iter()
            .any(|route| (route.record_calls || route.keys.record.is_some()) && !route.direct_voicemail)
            || routes.iter().any(|route| route.says_words_for_calls());
        if let Some(consent) = settings.consent.as_ref().filter(|_| !records) {
            let unheard = Problem::warning(consent.span(), "nobody ever hears the words of consent");
            self.problems
                .push(unheard.help("no call is recorded: set calls = true, or record_calls at a route; for messages: fallback.consent = true"));
        }
        if let Some(tone) = settings.consent.as_ref().filter(|consent| consent.get_ref().ringback.is_some()) {
            let mute = Problem::error(tone.span(), "a ringing tone tells nobody that the call is recorded");
            self.problems
                .push(mute.help("write consent = { say = \"...\" } or { file = \"...\" }, or leave it out"));
        }
        self.audio(settings.consent.as_ref(), names, voice)
            .unwrap_or_else(|| voice.shipped("may-be-recorded"))
    }

    pub(super) fn audio(
        &mut self,
        written: Option<&Spanned<AudioSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Option<Prompt> {
        let written = written?;
        self.one_audio(written.get_ref(), written.span(), names, voice, false)
    }

    /// What is played over and over. Words are said again after a pause.
    pub(super) fn hold(
        &mut self,
        written: Option<&Spanned<AudioSetting>>,
        names: Names<'_>,
        voice: Voice,
    ) -> Prompt {
        let read =
            written.and_then(|written| self.one_audio(written.get_ref(), written.span(), names, voice, true));
        let hold = read.unwrap_or_else(|| Prompt::tone(Tone::Hold));
        match hold.0.last() {
            Some(Piece::Say { .. }) => hold.then(Prompt(vec![Piece::Pause(HOLD_PAUSE_MS)])),
            _ => hold,
        }
    }

    pub(super) fn one_audio(
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
                let help = "write { say = \"...\" } (placeholders: {hotline}, {route}, and in accept prompts {caller}, {waiting}, {name}), { file = \"...\" } \
                            or { ringback = \"de\" }";
                self.error(span, message, help);
                None
            }
        }
    }

    pub(super) fn path(&self, file: &Path) -> PathBuf {
        self.around.folder.join(file)
    }
}

/// Which words are to be said.
pub(super) enum Words {
    /// Ours.
    Shipped,
    /// The operator's; may be none.
    Own(Prompt),
}

impl Words {
    /// The operator's, or else ours.
    fn or_shipped(self, shipped: impl FnOnce() -> Prompt) -> Prompt {
        match self {
            Self::Shipped => shipped(),
            Self::Own(words) => words,
        }
    }
}

impl From<Option<Prompt>> for Words {
    fn from(own: Option<Prompt>) -> Self {
        own.map_or(Self::Shipped, Self::Own)
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
