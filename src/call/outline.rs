//! What a call to a hotline meets, as `check` prints it.

use std::fmt;
use std::sync::Arc;

use crate::call::choice::{Choice, Goal, Place};
use crate::call::describe;
use crate::call::menu::Menu;
use crate::call::opening::Instead;
use crate::call::plan::{Hotline, Route};

impl fmt::Display for Hotline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.numbers.iter().map(ToString::to_string).collect();
        writeln!(f, "hotline {} ({})", self.name, numbers.join(", "))?;
        if !self.enabled {
            return writeln!(f, "  closed: {}", self.prompts.closed);
        }
        if !self.preset.is_empty() {
            writeln!(f, "  {}", self.preset)?;
        }
        writeln!(f, "  welcome: {}", self.prompts.welcome)?;
        for told in self.announcements.prompts() {
            writeln!(f, "  while callers are held: {told}")?;
        }
        for line in self.before_the_menu() {
            writeln!(f, "  {line}")?;
        }
        if let Some(menu) = &self.menu {
            writeln!(f, "  {}", menu_line(menu))?;
        }
        self.write_choices(f, &self.choices, 1)
    }
}

impl Hotline {
    /// Hours, PIN, known and repeated callers: a line each.
    fn before_the_menu(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(opening) = &self.opening {
            lines.push(format!("outside the hours {}: {}", opening.hours, self.instead(&opening.outside)));
        }
        if let Some(gate) = &self.pin {
            let when = if gate.before_menu { "everybody is asked" } else { "routes may ask" };
            let names: Vec<_> = gate.codes.iter().map(|code| code.name.as_str()).collect();
            lines.push(format!(
                "{when} for a PIN ({}), up to {} times: {}",
                names.join(", "),
                gate.attempts,
                gate.prompt
            ));
            let fallback =
                gate.fallback.as_ref().map_or_else(|| "goodbye".to_owned(), |one| self.instead(one));
            lines.push(format!(
                "  without one, or after {} wrong ones within an hour: {fallback}",
                gate.lockout
            ));
            for code in &gate.codes {
                lines.extend(
                    code.place.as_ref().map(|to| format!("  {}: straight to {}", code.name, self.named(to))),
                );
            }
        }
        for rule in &self.callers {
            let mut what: Vec<String> = self.straight(rule.place.as_ref(), rule.level);
            what.extend(rule.front.then(|| "before all others who wait".to_owned()));
            what.extend(rule.welcome.as_ref().map(|words| format!("welcomed with {words}")));
            lines.push(format!("callers known as {}: {}", rule.name, what.join(", ")));
        }
        if let Some(rule) = &self.repeated {
            let what = self.straight(rule.place.as_ref(), rule.level).join(", ");
            lines.push(format!(
                "from call {} of a number within {} on: {what}",
                rule.calls,
                describe(rule.within)
            ));
        }
        lines
    }

    fn straight(&self, place: Option<&Place>, level: Option<u8>) -> Vec<String> {
        let place = place.map(|place| format!("straight to {}", self.named(place)));
        let level = level.map(|level| format!("from level {level}"));
        place.into_iter().chain(level).collect()
    }

    fn named(&self, place: &Place) -> &str {
        self.at(place).map_or("nobody", |choice| choice.name.as_str())
    }

    fn instead(&self, instead: &Instead) -> String {
        match instead {
            Instead::Choice(place) => self.named(place).to_owned(),
            Instead::Voicemail => "voicemail".to_owned(),
            Instead::Words(words) => words.to_string(),
        }
    }

    fn write_choices(
        &self,
        f: &mut fmt::Formatter<'_>,
        choices: &[Arc<Choice>],
        depth: usize,
    ) -> fmt::Result {
        let indent = "  ".repeat(depth);
        for choice in choices.iter().filter(|choice| choice.enabled) {
            let key = choice.key.map(|key| format!("{key}: ")).unwrap_or_default();
            match &choice.goal {
                Goal::Route(route) => self.write_route(f, route, &indent)?,
                Goal::Redirect(redirect) => {
                    writeln!(f, "{indent}route {key}{} goes on at {redirect}", choice.name)?
                }
                Goal::Menu(menu) => writeln!(f, "{indent}route {key}{}, {}", choice.name, menu_line(menu))?,
            }
            if let Some(opening) = &choice.opening {
                let instead = self.instead(&opening.outside);
                writeln!(f, "{indent}  outside the hours {}: {instead}", opening.hours)?;
            }
            if !choice.pins.is_empty() {
                writeln!(f, "{indent}  only with the PIN of {}", choice.pins.join(" or "))?;
            }
            self.write_choices(f, choice.choices(), depth + 1)?;
        }
        Ok(())
    }

    fn write_route(&self, f: &mut fmt::Formatter<'_>, route: &Route, indent: &str) -> fmt::Result {
        for line in route.to_string().lines() {
            writeln!(f, "{indent}{line}")?;
        }
        if route.record_calls && !route.direct_voicemail {
            writeln!(f, "{indent}  the call is recorded; before, both hear {}", self.prompts.consent)?;
        }
        Ok(())
    }
}

fn menu_line(menu: &Menu) -> String {
    let fewer = menu.wrong_keys < menu.attempts;
    let wrong = if fewer { format!(", over after {} wrong keys", menu.wrong_keys) } else { String::new() };
    let back = menu.back.map(|key| format!(", {key} leads back")).unwrap_or_default();
    let silence = menu.silence.as_ref().map(|choice| format!(", silence leads to {}", choice.name));
    format!(
        "menu, up to {} times{wrong}{back}{}: {}",
        menu.attempts,
        silence.unwrap_or_default(),
        menu.prompt
    )
}
