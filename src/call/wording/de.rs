//! German.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Willkommen bei {hotline}.",
    menu: "Für {route} drücken Sie die {key}.",
    back: "Zurück mit der {key}.",
    hello: "Hier ist {hotline}.",
    accept: "Hier ist {hotline}. Ein Anrufer wartet auf {route}.",
    accept_key: "Drücken Sie die {key}, um anzunehmen",
    accept_any: "Drücken Sie eine beliebige Taste, um anzunehmen",
    decline_key: ", die {key}, um abzulehnen",
    star: "Sterntaste",
};
