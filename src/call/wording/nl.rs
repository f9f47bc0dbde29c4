//! Dutch.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Welkom bij {hotline}.",
    menu: "Voor {route}, druk op {key}.",
    back: "Druk op {key} om terug te gaan.",
    hello: "Dit is {hotline}.",
    accept: "Dit is {hotline}. Er wacht een beller voor {route}.",
    accept_key: "Druk op {key} om aan te nemen",
    accept_any: "Druk op een willekeurige toets om aan te nemen",
    decline_key: ", op {key} om te weigeren",
    star: "sterretje",
};
