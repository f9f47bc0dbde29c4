//! What the keys of a menu lead to: a tree of choices, with routes as its leaves.

use std::fmt;
use std::sync::Arc;

use crate::call::menu::Menu;
use crate::call::opening::Opening;
use crate::call::plan::{Hotline, Route};

/// How deep menus may be nested, the first one counted.
pub const DEEPEST: usize = 3;

/// Something a caller can get to: an option of a menu, or the one route of a hotline without a menu.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its key.
    pub key: Option<char>,
    /// Its name.
    pub name: String,
    /// Whether its key does anything.
    pub enabled: bool,
    /// When it is open; nothing: always.
    pub opening: Option<Opening>,
    /// The names of the PINs that open it; empty: it asks for none.
    pub pins: Vec<String>,
    /// What it leads to.
    pub goal: Goal,
}

/// What a choice leads to.
#[derive(Debug, Clone)]
pub enum Goal {
    /// A route.
    Route(Arc<Route>),
    /// A further menu.
    Menu(Arc<Menu>),
    /// Another hotline.
    Redirect(Redirect),
}

/// Another hotline, and where the call goes on there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The name of the hotline.
    pub hotline: String,
    /// What of it; nothing: as if it had been called.
    pub place: Option<Place>,
}

/// The way to a choice from the top: which one of the first menu, which one of the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place(pub Vec<usize>);

impl Choice {
    /// The choices that its key leads to.
    pub fn choices(&self) -> &[Arc<Choice>] {
        match &self.goal {
            Goal::Menu(menu) => &menu.choices,
            Goal::Route(_) | Goal::Redirect(_) => &[],
        }
    }

    /// All routes at and below it.
    pub fn routes(&self) -> Vec<Arc<Route>> {
        match &self.goal {
            Goal::Route(route) => vec![route.clone()],
            Goal::Menu(menu) => menu.choices.iter().flat_map(|choice| choice.routes()).collect(),
            Goal::Redirect(_) => Vec::new(),
        }
    }
}

/// The choice of a key: its own, or `*`'s.
pub fn of_key(choices: &[Arc<Choice>], key: char) -> Option<&Arc<Choice>> {
    let of = |wanted: char| choices.iter().find(|choice| choice.enabled && choice.key == Some(wanted));
    of(key).or_else(|| of('*'))
}

impl Hotline {
    /// What is at a place.
    pub fn at(&self, place: &Place) -> Option<&Arc<Choice>> {
        let (first, rest) = place.0.split_first()?;
        let top = self.choices.get(*first)?;
        rest.iter().try_fold(top, |choice, index| choice.choices().get(*index))
    }

    /// All choices, those of further menus included.
    pub fn all_choices(&self) -> Vec<&Choice> {
        fn below<'a>(choices: &'a [Arc<Choice>], all: &mut Vec<&'a Choice>) {
            for choice in choices {
                all.push(choice);
                below(choice.choices(), all);
            }
        }
        let mut all = Vec::new();
        below(&self.choices, &mut all);
        all
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the hotline {}", self.hotline)
    }
}
