//! Digest authentication (RFC 3261 22, RFC 7616, RFC 8760), both sides of it.
//!
//! | file | what it does |
//! |---|---|
//! | `secret` | a password, which nobody gets to see |
//! | `algorithm` | the hashes, and the response made of them |
//! | `challenge` | reads and writes WWW-Authenticate and Proxy-Authenticate |
//! | `client` | answers challenges, and keeps what they gave us for the next request |
//! | `server` | challenges others, and checks what they answer |

mod algorithm;
mod challenge;
mod client;
mod secret;
mod server;

pub use algorithm::Algorithm;
pub use challenge::{Challenge, Scope};
pub use client::{Attempts, Refusal, Sessions};
pub use secret::Secret;
pub use server::{Guard, Verdict};

/// Who we are to a trunk, or who a trunk is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name that the other side knows.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// The algorithms that may be used.
    pub algorithms: Vec<Algorithm>,
}

impl Credentials {
    /// Credentials for every algorithm there is.
    #[must_use]
    pub fn new(username: impl Into<String>, password: Secret) -> Self {
        Self { username: username.into(), password, algorithms: Algorithm::ALL.to_vec() }
    }
}
