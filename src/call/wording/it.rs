//! Italian.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Benvenuti. Risponde {hotline}.",
    menu: "Per {route}, prema {key}.",
    back: "Per tornare indietro, prema {key}.",
    hello: "Qui {hotline}.",
    accept: "Qui {hotline}. C'è una persona in attesa per {route}.",
    accept_key: "Prema {key} per accettare",
    accept_any: "Prema un tasto qualsiasi per accettare",
    decline_key: ", {key} per rifiutare",
    star: "asterisco",
};
