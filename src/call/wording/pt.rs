//! Portuguese.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Bem-vindo. Ligou para {hotline}.",
    menu: "Para {route}, prima {key}.",
    back: "Para voltar, prima {key}.",
    hello: "Fala {hotline}.",
    accept: "Fala {hotline}. Tem uma chamada em espera para {route}.",
    accept_key: "Prima {key} para aceitar",
    accept_any: "Prima qualquer tecla para aceitar",
    decline_key: ", {key} para recusar",
    star: "asterisco",
};
