//! What Nightbell says when the operator has not said otherwise, in each language.
//!
//! With a voice command the wording names hotline and route; without one it is put together from
//! the shipped recordings, which need no names.

mod de;
mod en;
mod es;
mod fr;
mod incall;
mod incident;
mod it;
mod messages;
mod nl;
mod pl;
mod pt;

use crate::call::prompt::{Piece, Prompt};
use crate::call::spoken::Value;
use crate::oncall::Language;

/// What a placeholder in a `say` text stands for.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// `{hotline}`
    pub hotline: &'a str,
    /// `{route}`; empty where a text belongs to the whole hotline.
    pub route: &'a str,
}

impl Names<'_> {
    /// Fills the placeholders in. The error is the first placeholder that is not known.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
            filled.push_str(match name {
                "hotline" => self.hotline,
                "route" if !self.route.is_empty() => self.route,
                unknown => return Err(unknown.to_owned()),
            });
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// The sentences of a language, with `{hotline}`, `{route}` and `{key}` to be filled in. A language is a
/// file of its own beside this one.
#[derive(Debug)]
struct Words {
    /// The greeting.
    welcome: &'static str,
    /// The menu's sentence for one route.
    menu: &'static str,
    /// Which key leads back to the menu before.
    back: &'static str,
    /// Who calls, to somebody who is phoned about an incident.
    hello: &'static str,
    /// Who calls whom, to whoever picks up.
    accept: &'static str,
    /// Which key accepts; the sentence may go on.
    accept_key: &'static str,
    /// That any key accepts; the sentence may go on.
    accept_any: &'static str,
    /// Which key declines; goes on after one of those.
    decline_key: &'static str,
    /// What the star key is called in these sentences.
    star: &'static str,
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &en::WORDS,
        Language::De => &de::WORDS,
        Language::Fr => &fr::WORDS,
        Language::Es => &es::WORDS,
        Language::It => &it::WORDS,
        Language::Pt => &pt::WORDS,
        Language::Nl => &nl::WORDS,
        Language::Pl => &pl::WORDS,
    }
}

/// The voice of one hotline: its language, and whether texts can be spoken.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    /// The hotline's language.
    pub language: Language,
    /// Whether there is a voice command.
    pub speaks: bool,
}

impl Voice {
    /// A text to be spoken.
    pub fn say(self, text: impl Into<String>) -> Prompt {
        Prompt(vec![Piece::Say { language: self.language, text: text.into() }])
    }

    /// A shipped recording.
    pub fn shipped(self, name: &str) -> Prompt {
        Prompt::shipped(self.language, name)
    }

    fn words(self) -> &'static Words {
        words(self.language)
    }

    /// The greeting.
    pub fn welcome(self, hotline: &str) -> Prompt {
        if self.speaks {
            self.say(self.words().welcome.replace("{hotline}", hotline))
        } else {
            self.shipped("welcome")
        }
    }

    /// The menu made from the routes: keys and names, in their order; then the key that leads back.
    pub fn menu<'a>(self, routes: impl Iterator<Item = (char, &'a str)>, back: Option<char>) -> Prompt {
        if self.speaks {
            let sentences =
                routes.map(|(key, name)| self.with_key(self.words().menu, key).replace("{route}", name));
            let back = back.map(|key| self.with_key(self.words().back, key));
            return self.say(sentences.chain(back).collect::<Vec<_>>().join(" "));
        }
        let pause = || Prompt(vec![Piece::Pause(400)]);
        let menu = routes.fold(Prompt::default(), |menu, (key, _)| {
            menu.then(self.shipped("press")).then(self.key(key)).then(pause())
        });
        match back {
            Some(key) => {
                menu.then(self.shipped("press")).then(self.key(key)).then(self.shipped("to-go-back"))
            }
            None => menu,
        }
    }

    /// The accept prompt of a route, with the name that the caller has said where that is `named`.
    pub fn accept(
        self,
        names: Names<'_>,
        named: bool,
        accept: Option<char>,
        decline: Option<char>,
    ) -> Prompt {
        let name = Piece::Value { language: self.language, value: Value::CallerName };
        let name = Prompt(named.then_some(name).into_iter().collect());
        if self.speaks {
            let (who, keys) = self.accept_text(names, accept, decline);
            return match named {
                true => self.say(who).then(name).then(self.say(keys)),
                false => self.say(format!("{who} {keys}")),
            };
        }
        self.shipped("caller-on-hold").then(name).then(self.accept_keys(accept, decline))
    }

    /// Which keys accept and decline, from shipped recordings.
    fn accept_keys(self, accept: Option<char>, decline: Option<char>) -> Prompt {
        let prompt = match accept {
            Some(key) => self.shipped("press").then(self.key(key)).then(self.shipped("to-accept")),
            None => self.shipped("any-key-to-accept"),
        };
        match decline {
            Some(key) => {
                prompt.then(self.shipped("press")).then(self.key(key)).then(self.shipped("to-decline"))
            }
            None => prompt,
        }
    }

    fn accept_text(self, names: Names<'_>, accept: Option<char>, decline: Option<char>) -> (String, String) {
        let words = self.words();
        let keys = [
            accept.map_or_else(|| words.accept_any.to_owned(), |key| self.with_key(words.accept_key, key)),
            decline.map(|key| self.with_key(words.decline_key, key)).unwrap_or_default(),
        ];
        let who = words.accept.replace("{hotline}", names.hotline).replace("{route}", names.route);
        (who, format!("{}.", keys.concat()))
    }

    /// A key as a shipped recording.
    fn key(self, key: char) -> Prompt {
        match key {
            '*' => self.shipped("star"),
            digit => self.shipped(&digit.to_string()),
        }
    }

    /// A sentence with a key in it.
    fn with_key(self, sentence: &str, key: char) -> String {
        match key {
            '*' => sentence.replace("{key}", self.words().star),
            digit => sentence.replace("{key}", &digit.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_unknown_ones_are_named() {
        let names = Names { hotline: "Acme", route: "Production" };
        assert_eq!(names.fill("This is {hotline}, {route}."), Ok("This is Acme, Production.".into()));
        assert_eq!(names.fill("Hello {callr}"), Err("callr".into()));
        assert_eq!(names.fill("Hello {hotline"), Err("hotline".into()));
        assert_eq!(Names { route: "", ..names }.fill("{route}"), Err("route".into()));
    }

    #[test]
    fn without_a_voice_the_menu_needs_no_names() {
        let voice = Voice { language: Language::De, speaks: false };
        let menu = voice.menu([('1', "Störung"), ('*', "Rest")].into_iter(), None);
        assert_eq!(menu.to_string(), "[de/press] [de/1] [400 ms] [de/press] [de/star] [400 ms]");
    }

    #[test]
    fn with_a_voice_it_says_the_names() {
        let voice = Voice { language: Language::En, speaks: true };
        let menu = voice.menu([('1', "Production"), ('2', "billing")].into_iter(), None);
        assert_eq!(menu.to_string(), "“For Production, press 1. For billing, press 2.”");
    }

    #[test]
    fn every_language_has_every_sentence_with_its_placeholders() {
        for language in Language::ALL {
            let Words { welcome, menu, back, hello, accept, accept_key, accept_any, decline_key, star } =
                words(language);
            let has = |sentence: &str| {
                ["{hotline}", "{route}", "{key}"].map(|placeholder| sentence.matches(placeholder).count())
            };
            let placeholders =
                [welcome, menu, back, hello, accept, accept_key, accept_any, decline_key, star]
                    .map(|s| has(s));
            let wanted = [
                [1, 0, 0],
                [0, 1, 1],
                [0, 0, 1],
                [1, 0, 0],
                [1, 1, 0],
                [0, 0, 1],
                [0, 0, 0],
                [0, 0, 1],
                [0, 0, 0],
            ];
            assert_eq!(placeholders, wanted, "{language}");
            assert!(!star.is_empty() && !accept_any.is_empty(), "{language}");
            for sentence in [welcome, menu, back, hello, accept] {
                assert!(sentence.ends_with('.'), "{language}: {sentence} is no whole sentence");
            }
            let others = Language::ALL.into_iter().filter(|other| *other != language);
            assert!(
                others.clone().all(|other| words(other).accept != *accept),
                "{language} is not translated"
            );
        }
    }

    #[test]
    fn the_accept_prompt_names_hotline_route_and_keys_in_each_language() {
        let names = Names { hotline: "Acme", route: "Produktion" };
        let said = |language, accept, decline| {
            Voice { language, speaks: true }.accept(names, false, accept, decline).to_string()
        };
        assert_eq!(
            said(Language::Fr, Some('1'), Some('2')),
            "“Ici Acme. Un appelant est en attente pour Produktion. Tapez 1 pour accepter, 2 pour refuser.”"
        );
        assert_eq!(
            said(Language::De, None, Some('*')),
            "“Hier ist Acme. Ein Anrufer wartet auf Produktion. Drücken Sie eine beliebige Taste, um anzunehmen, \
             die Sterntaste, um abzulehnen.”"
        );
        for language in Language::ALL {
            let said = said(language, Some('7'), None);
            assert!(said.contains("Acme") && said.contains("Produktion") && said.contains('7'), "{said}");
            assert!(said.ends_with(".”") && !said.contains('{'), "{said}");
        }
    }
}
