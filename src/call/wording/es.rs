//! Spanish.

use super::Words;

pub(super) const WORDS: Words = Words {
    welcome: "Le damos la bienvenida a {hotline}.",
    menu: "Para {route}, pulse {key}.",
    back: "Para volver atrás, pulse {key}.",
    hello: "Aquí {hotline}.",
    accept: "Aquí {hotline}. Hay una persona en espera para {route}.",
    accept_key: "Pulse {key} para aceptar",
    accept_any: "Pulse cualquier tecla para aceptar",
    decline_key: ", {key} para rechazar",
    star: "asterisco",
};
