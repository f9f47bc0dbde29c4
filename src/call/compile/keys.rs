//! The keys of a responder during a call, and whom they ring.

use std::ops::Range;

use toml::Spanned;

use super::Compiler;
use super::prompts::Words;
use crate::call::incall::{self, Invite, Keys};
use crate::call::plan::{Accept, Translated};
use crate::call::prompt::Prompt;
use crate::call::settings::KeysSettings;
use crate::call::wording::Voice;
use crate::oncall::Target;
use crate::problem::Problem;

/// As many as there are keys to choose with.
const MOST_INVITED: usize = 9;

impl Compiler<'_> {
    pub(super) fn keys(&mut self, settings: &KeysSettings, voice: Voice) -> Keys {
        let mut keys = Keys {
            conference: self.star_key(settings.conference.as_ref(), '1'),
            transfer: self.star_key(settings.transfer.as_ref(), '2'),
            record: self.star_key(settings.record.as_ref(), '3'),
            help: self.star_key(settings.help.as_ref(), '0'),
            announce: settings.announce.unwrap_or(false),
            words: Default::default(),
        };
        if settings.enabled == Some(false) {
            let none = None;
            keys =
                Keys { conference: none, transfer: none, record: none, help: none, announce: false, ..keys };
        }
        self.check_star_keys(settings, &keys);
        keys.announce &= keys.help.is_some();
        keys.words = self.words_of(&keys, voice);
        keys
    }

    fn words_of(&self, keys: &Keys, voice: Voice) -> incall::Words {
        let in_each = |ours: &dyn Fn(Voice) -> Prompt| self.translated(Words::Shipped, voice, ours);
        incall::Words {
            announce: in_each(&|voice| voice.key_for_help(keys)),
            help: in_each(&|voice| voice.help(keys)),
            unknown: in_each(&|voice| voice.shipped("route-unknown")),
            ringing: Prompt::tone(voice.ringing()),
            nobody_else: in_each(&|voice| voice.shipped("nobody-else")),
            recording_ended: in_each(&|voice| voice.shipped("recording-ended")),
            not_recorded: in_each(&|voice| voice.shipped("not-recorded")),
        }
    }

    fn star_key(&mut self, written: Option<&Spanned<String>>, usual: char) -> Option<char> {
        let Some(written) = written else { return Some(usual) };
        let mut chars = written.get_ref().chars();
        match (chars.next(), chars.next(), chars.next()) {
            _ if written.get_ref() == "none" => None,
            (Some('*'), Some(key @ '0'..='9'), None) => Some(key),
            _ => {
                let message = format!("`{}` is no key for use during a call", written.get_ref());
                self.error_once(
                    written.span(),
                    message,
                    "write a star and a digit, as in \"*1\", or \"none\"",
                );
                None
            }
        }
    }

    fn check_star_keys(&mut self, settings: &KeysSettings, keys: &Keys) {
        let all = [
            (&settings.conference, keys.conference),
            (&settings.transfer, keys.transfer),
            (&settings.record, keys.record),
            (&settings.help, keys.help),
        ];
        for (place, (written, key)) in all.iter().enumerate() {
            let others = all.iter().enumerate().filter(|(other, _)| *other != place);
            let used_twice = key.is_some() && others.map(|(_, (_, other))| *other).any(|other| other == *key);
            if let Some(written) = written.as_ref().filter(|_| used_twice) {
                let message =
                    format!("the key {} already does something else during a call", written.get_ref());
                self.error_once(written.span(), message, "give each a key of its own, or write \"none\"");
            }
        }
    }

    /// What a hotline says is looked at for each of its routes.
    fn error_once(&mut self, span: Range<usize>, message: String, help: &str) {
        let problem = Problem::error(span, message).help(help);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn invite(
        &mut self,
        written: &[Spanned<String>],
        keys: &Keys,
        accept: &Accept,
        voice: Voice,
    ) -> Invite {
        if let Some(extra) = written.get(MOST_INVITED) {
            let message = "more people may be invited than there are keys to choose with";
            self.error(extra.span(), message, "name nine at most; a team or a schedule counts as one");
        }
        if let Some(first) = written.first().filter(|_| !keys.invites()) {
            let unused = Problem::warning(first.span(), "nobody is ever invited into a call of this route");
            self.problems.push(unused.help("no key rings another person: see [hotlines.keys]"));
        }
        let targets: Vec<_> = written.iter().filter_map(|target| self.target(target)).collect();
        let called = targets.iter().map(|target| self.called(target));
        let offered: Vec<_> = ('1'..='9').zip(called).collect();
        let which = match offered.len() {
            0 | 1 => Translated::default(),
            _ => self.translated(Words::Shipped, voice, |voice| {
                voice.menu(offered.iter().map(|(key, name)| (*key, name.as_str())), None)
            }),
        };
        let accept_key = accept.key.alone();
        let ask = self.translated(Words::Shipped, voice, |voice| voice.invite(accept_key, accept.decline));
        Invite { targets, which, ask }
    }

    /// A target as people say it.
    fn called(&self, target: &Target) -> String {
        match target {
            Target::Person(id) => {
                self.around.roster.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())
            }
            Target::Team(id) => id.to_string(),
            Target::Schedule(id) | Target::Everyone(id) => id.to_string(),
            Target::Escalation(id) => id.to_string(),
        }
    }
}
