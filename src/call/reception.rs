//! The way of a caller from the welcome to a route: opening hours, PIN, known callers, menus, and other
//! hotlines. Decides only: the script of a live call asks the caller, and a simulation answers in their place.

use std::sync::Arc;

use jiff::Timestamp;

use crate::call::callers::CallerRule;
use crate::call::choice::{Choice, Goal, Place, Redirect, of_key};
use crate::call::describe;
use crate::call::menu::Menu;
use crate::call::opening::Instead;
use crate::call::pin::{Digits, PinGate};
use crate::call::plan::{Hotline, Route, Snapshot};
use crate::call::prompt::Prompt;
use crate::oncall::E164;

/// How many choices a caller may get to in one call. Nobody comes near it but machines.
const MOST_CHOICES: u8 = 50;

/// Who is received, and when.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The number, if it is not withheld.
    pub number: Option<E164>,
    /// When the call came in.
    pub at: Timestamp,
    /// Calls of this number within the time that counts for repeated callers, this one counted.
    pub calls: usize,
}

/// What is to be done next.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Write this down.
    Told(Told),
    /// Ask for a PIN: [`Reception::entered`] or [`Reception::locked_out`] is the answer.
    Pin(Arc<PinGate>),
    /// Ask for a key: [`Reception::pressed`] is the answer.
    Menu {
        /// The menu.
        menu: Arc<Menu>,
        /// Its words have just been said by the welcome.
        said: bool,
    },
    /// The caller has got to a route.
    Arrived(Arrived),
    /// Say these words, and hang up.
    Over {
        /// The last words.
        words: Prompt,
        /// Why.
        why: String,
        /// They are a message of their own, not just goodbye.
        closing: bool,
    },
}

/// Something a person reading the record wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What it is about: the name of a route.
    pub whom: Option<String>,
    /// In a sentence.
    pub detail: String,
}

/// What an answer was worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// It led on.
    pub right: bool,
    /// Something was pressed, and it was wrong.
    pub wrong: bool,
    /// The same question comes again.
    pub again: bool,
    /// What to write down.
    pub told: Told,
}

/// A route that a caller has got to.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Whose words are said and whose number is shown from now on.
    pub hotline: Arc<Hotline>,
    /// The route, as it is for this caller.
    pub route: Arc<Route>,
    /// Whether the caller comes before all others who wait.
    pub front: bool,
}

/// Where a caller stands. Ask [`Reception::turn`] until it has arrived or is over.
#[derive(Debug, Clone)]
pub struct Reception {
    snapshot: Arc<Snapshot>,
    hotline: Arc<Hotline>,
    visitor: Visitor,
    stage: Stage,
    menus: Vec<Standing>,
    /// The names of the PINs that were entered.
    opened: Vec<String>,
    /// Where a PIN leads to.
    place_of_pin: Option<Place>,
    /// Where a caller goes from the gate on, outside the hours.
    outside: Option<Arc<Choice>>,
    /// Since the last one that was right.
    pins_asked: u8,
    /// Something was asked since the welcome.
    asked: bool,
    level: u8,
    front: bool,
    choices: u8,
}

#[derive(Debug, Clone)]
enum Stage {
    /// The hotline's own hours.
    Hours,
    /// The hotline's PIN gate.
    Gate,
    /// Known callers, PINs that lead somewhere, repeated callers; else the menu.
    Way,
    /// The hours and PINs of a choice, and what it leads to.
    Choice(Arc<Choice>),
    /// The menu entered last.
    Menu,
}

/// A menu that was entered.
#[derive(Debug, Clone)]
struct Standing {
    menu: Arc<Menu>,
    /// How often it was played.
    asked: u8,
    /// How many wrong keys were pressed.
    wrong: u8,
}

impl Reception {
    /// A caller who has just been let in.
    pub fn new(snapshot: Arc<Snapshot>, hotline: Arc<Hotline>, visitor: Visitor) -> Self {
        Self {
            snapshot,
            hotline,
            visitor,
            stage: Stage::Hours,
            menus: Vec::new(),
            opened: Vec::new(),
            place_of_pin: None,
            outside: None,
            pins_asked: 0,
            asked: false,
            level: 1,
            front: false,
            choices: 0,
        }
    }

    /// The first words.
    pub fn welcome(&self) -> Prompt {
        let own = self.rule().and_then(|rule| rule.welcome.clone());
        own.unwrap_or_else(|| self.hotline.prompts.welcome.clone())
    }

    /// The hotline the caller is at.
    pub fn hotline(&self) -> &Arc<Hotline> {
        &self.hotline
    }

    /// What is to be done next.
    pub fn turn(&mut self) -> Turn {
        loop {
            let turn = match self.stage.clone() {
                Stage::Hours => self.hours(),
                Stage::Gate => self.gate(),
                Stage::Way => self.way(),
                Stage::Choice(choice) => Some(self.choice(&choice)),
                Stage::Menu => Some(self.menu()),
            };
            if let Some(turn) = turn {
                return turn;
            }
        }
    }

    fn rule(&self) -> Option<&CallerRule> {
        self.hotline.callers.iter().find(|rule| rule.fits(self.visitor.number.as_ref()))
    }

    fn hours(&mut self) -> Option<Turn> {
        self.stage = Stage::Gate;
        let opening = self.hotline.opening.clone()?;
        let why = opening.closed(&self.snapshot.roster, self.visitor.at)?;
        let turn = self.instead(&opening.outside, why, None);
        // Another route may ring people: the gate is before that, too.
        if let (Instead::Choice(_), Stage::Choice(choice)) = (&opening.outside, self.stage.clone()) {
            (self.outside, self.stage) = (Some(choice), Stage::Gate);
        }
        Some(turn)
    }

    fn gate(&mut self) -> Option<Turn> {
        match self.hotline.pin.clone().filter(|gate| gate.before_menu && self.opened.is_empty()) {
            Some(gate) => Some(self.ask_pin(gate)),
            None => {
                self.stage = self.outside.take().map_or(Stage::Way, Stage::Choice);
                None
            }
        }
    }

    /// Where a caller goes who is past the gate, and how.
    fn way(&mut self) -> Option<Turn> {
        let (mut place, mut because) = (None, Vec::new());
        if let Some(rule) = self.rule().cloned() {
            self.front |= rule.front;
            self.level = self.level.max(rule.level.unwrap_or(1));
            place = rule.place;
            because.push(format!("the caller is {}", rule.name));
        }
        if let Some(of_pin) = self.place_of_pin.take() {
            place = place.or(Some(of_pin));
        }
        let calls = self.visitor.calls;
        if let Some(repeated) = self.hotline.repeated.clone().filter(|rule| calls >= rule.calls) {
            self.level = self.level.max(repeated.level.unwrap_or(1));
            place = place.or(repeated.place);
            because.push(format!("call {calls} of this number within {}", describe(repeated.within)));
        }
        let choice = match place {
            Some(place) => self.hotline.at(&place).cloned(),
            None if self.hotline.menu.is_some() => None,
            None => self.hotline.choices.first().cloned(),
        };
        let straight = choice.as_ref().filter(|_| self.hotline.menu.is_some());
        let straight = straight.map(|choice| choice.name.clone());
        match (choice, self.hotline.menu.clone()) {
            (Some(choice), _) => self.stage = Stage::Choice(choice),
            (None, Some(menu)) => self.open_menu(menu),
            (None, None) => return Some(self.left("the hotline has no route")),
        }
        if because.is_empty() && straight.is_none() {
            return None;
        }
        if because.is_empty() {
            because.push("the PIN has a route of its own".to_owned());
        }
        let mut detail = because.join("; ");
        if let Some(name) = &straight {
            detail.push_str(&format!(": straight to {name}"));
        }
        if self.level > 1 {
            detail.push_str(&format!(", from level {}", self.level));
        }
        if self.front {
            detail.push_str(", before all others who wait");
        }
        Some(Turn::Told(Told { whom: straight, detail }))
    }

    fn choice(&mut self, choice: &Arc<Choice>) -> Turn {
        self.choices = self.choices.saturating_add(1);
        if self.choices > MOST_CHOICES {
            return self.left("the caller went round in circles");
        }
        if let Some(opening) = &choice.opening
            && let Some(why) = opening.closed(&self.snapshot.roster, self.visitor.at)
        {
            return self.instead(&opening.outside, why, Some(choice));
        }
        let locked = !choice.pins.is_empty() && !choice.pins.iter().any(|name| self.opened.contains(name));
        if let Some(gate) = self.hotline.pin.clone().filter(|_| locked) {
            // It is not another choice when it comes again after the answer.
            self.choices -= 1;
            return self.ask_pin(gate);
        }
        match &choice.goal {
            Goal::Route(route) => self.arrived(route.clone()),
            Goal::Menu(menu) => {
                self.open_menu(menu.clone());
                self.menu()
            }
            Goal::Redirect(redirect) => self.redirect(redirect),
        }
    }

    fn redirect(&mut self, redirect: &Redirect) -> Turn {
        let known = self.snapshot.hotlines.iter().find(|hotline| hotline.name == redirect.hotline).cloned();
        let Some(hotline) = known else {
            return self.left(&format!("there is no hotline {}", redirect.hotline));
        };
        self.hotline = hotline;
        // What was asked, entered and said before was another hotline's.
        self.menus.clear();
        self.opened.clear();
        (self.place_of_pin, self.outside) = (None, None);
        (self.pins_asked, self.asked) = (0, true);
        if !self.hotline.enabled {
            let words = self.hotline.prompts.closed.clone();
            return over(words, format!("the hotline {} is closed", redirect.hotline));
        }
        let choice = redirect.place.as_ref().and_then(|place| self.hotline.at(place)).cloned();
        let mut detail = format!("goes on at {redirect}");
        if let Some(choice) = &choice {
            detail.push_str(&format!(", {}", choice.name));
        }
        let whom = choice.as_ref().map(|choice| choice.name.clone());
        self.stage = choice.map_or(Stage::Hours, Stage::Choice);
        Turn::Told(Told { whom, detail })
    }

    /// What is done with a caller who cannot go on.
    fn instead(&mut self, instead: &Instead, why: String, choice: Option<&Arc<Choice>>) -> Turn {
        match instead {
            Instead::Words(words) => over(words.clone(), why),
            Instead::Choice(place) => {
                let Some(other) = self.hotline.at(place).cloned() else { return self.left(&why) };
                let whom = Some(other.name.clone());
                let detail = format!("{why}: goes on at {}", other.name);
                self.stage = Stage::Choice(other);
                Turn::Told(Told { whom, detail })
            }
            Instead::Voicemail => {
                let own = choice.map(|choice| choice.routes()).unwrap_or_default();
                let route = own.first().or_else(|| self.hotline.routes.iter().find(|route| route.enabled));
                let Some(route) = route else { return self.left(&why) };
                let route = Arc::new(Route { direct_voicemail: true, ..Route::clone(route) });
                let whom = Some(route.name.clone());
                self.stage = Stage::Choice(Arc::new(leaf(route)));
                Turn::Told(Told { whom, detail: format!("{why}: a message is taken") })
            }
        }
    }

    fn arrived(&self, route: Arc<Route>) -> Turn {
        let route = if self.level > 1 { Arc::new(route.beginning_at(self.level)) } else { route };
        Turn::Arrived(Arrived { hotline: self.hotline.clone(), route, front: self.front })
    }

    fn left(&self, why: &str) -> Turn {
        Turn::Over { words: self.hotline.prompts.goodbye.clone(), why: why.to_owned(), closing: false }
    }
}

/// Questions and their answers.
impl Reception {
    fn open_menu(&mut self, menu: Arc<Menu>) {
        self.menus.push(Standing { menu, asked: 0, wrong: 0 });
        self.stage = Stage::Menu;
    }

    fn menu(&mut self) -> Turn {
        let fresh = !std::mem::replace(&mut self.asked, true)
            && self.rule().is_none_or(|rule| rule.welcome.is_none());
        match self.menus.last_mut() {
            Some(standing) if !standing.is_over() => {
                standing.asked += 1;
                let menu = standing.menu.clone();
                let said = fresh && menu.said_by_welcome;
                Turn::Menu { menu, said }
            }
            _ => self.left("the menu was left without a choice"),
        }
    }

    /// The answer to a menu; nothing: the time was over.
    pub fn pressed(&mut self, key: Option<char>) -> Answer {
        let nested = self.menus.len() > 1;
        let Some(standing) = self.menus.last_mut() else { return Answer::lost() };
        let menu = standing.menu.clone();
        let attempt = format!("(attempt {} of {})", standing.asked, menu.attempts);
        if key.is_some() && key == menu.back && nested {
            self.menus.pop();
            let key = key.unwrap_or_default();
            return Answer::right(None, format!("pressed {key}: back to the menu before {attempt}"));
        }
        let (choice, pressed) = match key {
            Some(key) => (of_key(&menu.choices, key), format!("pressed {key}")),
            None => (menu.silence.as_ref(), "pressed nothing".to_owned()),
        };
        if let Some(choice) = choice {
            self.stage = Stage::Choice(choice.clone());
            let detail = format!("{pressed}: {} {attempt}", choice.name);
            return Answer::right(Some(choice.name.clone()), detail);
        }
        standing.wrong += u8::from(key.is_some());
        let nowhere = if key.is_some() { ", which leads nowhere" } else { "" };
        Answer {
            right: false,
            wrong: key.is_some(),
            again: !standing.is_over(),
            told: Told { whom: None, detail: format!("{pressed}{nowhere} {attempt}") },
        }
    }

    fn ask_pin(&mut self, gate: Arc<PinGate>) -> Turn {
        if self.pins_asked >= gate.attempts {
            return self.without_pin("no PIN was entered".to_owned());
        }
        self.pins_asked += 1;
        self.asked = true;
        Turn::Pin(gate)
    }

    /// The answer to the question for a PIN.
    pub fn entered(&mut self, digits: &Digits) -> Answer {
        let Some(gate) = self.hotline.pin.clone() else { return Answer::lost() };
        let named: &[String] = match &self.stage {
            Stage::Choice(choice) => &choice.pins,
            _ => &[],
        };
        let attempt = format!("(attempt {} of {})", self.pins_asked, gate.attempts);
        if let Some(code) = gate.code(digits, named) {
            self.opened.push(code.name.clone());
            self.place_of_pin.clone_from(&code.place);
            // Another question for a PIN is another one, with attempts of its own.
            self.pins_asked = 0;
            return Answer::right(None, format!("entered the PIN of {} {attempt}", code.name));
        }
        let what = if digits.is_empty() { "entered no PIN" } else { "entered a wrong PIN" };
        Answer {
            right: false,
            wrong: !digits.is_empty(),
            again: self.pins_asked < gate.attempts,
            told: Told { whom: None, detail: format!("{what} {attempt}") },
        }
    }

    /// The caller is not to be asked for a PIN: too many wrong ones have come from the number.
    pub fn locked_out(&mut self) -> Turn {
        let most = self.hotline.pin.as_ref().map_or(0, |gate| gate.lockout);
        self.without_pin(format!(
            "no PIN is asked for: {most} wrong ones came from this number within an hour"
        ))
    }

    fn without_pin(&mut self, why: String) -> Turn {
        match self.hotline.pin.clone().and_then(|gate| gate.fallback.clone()) {
            Some(fallback) => self.instead(&fallback, why, None),
            None => self.left(&why),
        }
    }
}

impl Standing {
    fn is_over(&self) -> bool {
        self.asked >= self.menu.attempts || self.wrong >= self.menu.wrong_keys
    }
}

impl Answer {
    fn right(whom: Option<String>, detail: String) -> Self {
        Self { right: true, wrong: false, again: false, told: Told { whom, detail } }
    }

    /// An answer to a question that was never asked.
    fn lost() -> Self {
        let told = Told { whom: None, detail: "nothing was asked".to_owned() };
        Self { right: false, wrong: false, again: false, told }
    }
}

fn over(words: Prompt, why: String) -> Turn {
    Turn::Over { words, why, closing: true }
}

/// A choice that leads to a route at any time.
fn leaf(route: Arc<Route>) -> Choice {
    let name = route.name.clone();
    Choice { key: None, name, enabled: true, opening: None, pins: Vec::new(), goal: Goal::Route(route) }
}
