//! English.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Welcome to {hotline}.",
    menu: "For {route}, press {key}.",
    back: "To go back, press {key}.",
    hello: "This is {hotline}.",
    accept: "This is {hotline}. You have a caller on hold for {route}.",
    accept_key: "Press {key} to accept",
    accept_any: "Press any key to accept",
    decline_key: ", {key} to decline",
    star: "star",
};
