//! Polish.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Witamy. Tu {hotline}.",
    menu: "{route}: proszę nacisnąć {key}.",
    back: "Aby wrócić, proszę nacisnąć {key}.",
    hello: "Tu {hotline}.",
    accept: "Tu {hotline}. Rozmówca czeka na połączenie: {route}.",
    accept_key: "Aby odebrać, proszę nacisnąć {key}",
    accept_any: "Aby odebrać, proszę nacisnąć dowolny klawisz",
    decline_key: ", aby odrzucić, {key}",
    star: "gwiazdkę",
};
