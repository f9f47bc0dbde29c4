//! French.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Bienvenue chez {hotline}.",
    menu: "Pour {route}, tapez {key}.",
    back: "Pour revenir en arrière, appuyez sur {key}.",
    hello: "Ici {hotline}.",
    accept: "Ici {hotline}. Un appelant est en attente pour {route}.",
    accept_key: "Tapez {key} pour accepter",
    accept_any: "Appuyez sur n'importe quelle touche pour accepter",
    decline_key: ", {key} pour refuser",
    star: "étoile",
};
