//! What Nightbell says when the operator has not said otherwise, in each language.
//!
//! With a voice command the wording names hotline and route; without one it is put together from
//! the shipped recordings, which need no names.

use crate::call::prompt::{Piece, Prompt};
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

    fn text(self, english: &str, german: &str) -> String {
        match self.language {
            Language::En => english,
            Language::De => german,
        }
        .to_owned()
    }

    /// The greeting.
    pub fn welcome(self, hotline: &str) -> Prompt {
        if self.speaks {
            let text = self.text("Welcome to {}.", "Willkommen bei {}.");
            self.say(text.replace("{}", hotline))
        } else {
            self.shipped("welcome")
        }
    }

    /// The menu made from the routes: keys and names, in their order.
    pub fn menu<'a>(self, routes: impl Iterator<Item = (char, &'a str)>) -> Prompt {
        if self.speaks {
            let template = self.text("For {name}, press {key}. ", "Für {name} drücken Sie die {key}. ");
            let text: String = routes
                .map(|(key, name)| template.replace("{name}", name).replace("{key}", &self.key_name(key)))
                .collect();
            return self.say(text.trim_end());
        }
        let pause = || Prompt(vec![Piece::Pause(400)]);
        routes.fold(Prompt::default(), |menu, (key, _)| {
            menu.then(self.shipped("press")).then(self.key(key)).then(pause())
        })
    }

    /// The accept prompt of a route.
    pub fn accept(self, names: Names<'_>, accept: Option<char>, decline: Option<char>) -> Prompt {
        if self.speaks {
            return self.say(self.accept_text(names, accept, decline));
        }
        let mut prompt = self.shipped("caller-on-hold");
        prompt = match accept {
            Some(key) => {
                prompt.then(self.shipped("press")).then(self.key(key)).then(self.shipped("to-accept"))
            }
            None => prompt.then(self.shipped("any-key-to-accept")),
        };
        match decline {
            Some(key) => {
                prompt.then(self.shipped("press")).then(self.key(key)).then(self.shipped("to-decline"))
            }
            None => prompt,
        }
    }

    fn accept_text(self, names: Names<'_>, accept: Option<char>, decline: Option<char>) -> String {
        let mut text = self.text(
            "This is {hotline}. You have a caller on hold for {route}. ",
            "Hier ist {hotline}. Ein Anrufer wartet auf {route}. ",
        );
        text = text.replace("{hotline}", names.hotline).replace("{route}", names.route);
        text.push_str(&match accept {
            Some(key) => self
                .text("Press {} to accept", "Drücken Sie die {}, um anzunehmen")
                .replace("{}", &self.key_name(key)),
            None => self.text("Press any key to accept", "Drücken Sie eine beliebige Taste, um anzunehmen"),
        });
        if let Some(key) = decline {
            let more = self.text(", {} to decline", ", die {}, um abzulehnen");
            text.push_str(&more.replace("{}", &self.key_name(key)));
        }
        text.push('.');
        text
    }

    /// A key as a shipped recording.
    fn key(self, key: char) -> Prompt {
        match key {
            '*' => self.shipped("star"),
            digit => self.shipped(&digit.to_string()),
        }
    }

    /// A key as a word in a text.
    fn key_name(self, key: char) -> String {
        match key {
            '*' => self.text("star", "Sterntaste"),
            digit => digit.to_string(),
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
        let menu = voice.menu([('1', "Störung"), ('*', "Rest")].into_iter());
        assert_eq!(menu.to_string(), "[de/press] [de/1] [400 ms] [de/press] [de/star] [400 ms]");
    }

    #[test]
    fn with_a_voice_it_says_the_names() {
        let voice = Voice { language: Language::En, speaks: true };
        let menu = voice.menu([('1', "Production"), ('2', "billing")].into_iter());
        assert_eq!(menu.to_string(), "“For Production, press 1. For billing, press 2.”");
    }
}
