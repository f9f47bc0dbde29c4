//! How we show a service who we are, where it has no way of its own: a token, or a name and its password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::TargetSettings;
use super::compile::Reading;
use super::exchange::{Request, Secret};

/// What is shown, if anything is.
#[derive(Debug, Clone)]
pub struct Credentials(Option<Secret>);

impl Credentials {
    /// `token_file`, or `username` and `password_file`, or nothing at all; none where they are at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        if settings.token_file.is_some() {
            let token = reading.secret(settings.token_file.as_ref(), "the token")?;
            return Some(Self(Some(Secret::new(format!("Bearer {}", token.expose())))));
        }
        let Some((name, password)) = reading.login(settings)? else { return Some(Self(None)) };
        let both = Zeroizing::new(format!("{name}:{}", password.expose()));
        Some(Self(Some(Secret::new(format!("Basic {}", BASE64.encode(both.as_bytes()))))))
    }

    /// The request that shows them.
    pub fn show(&self, request: Request) -> Request {
        match &self.0 {
            Some(shown) => request.header("Authorization", shown.clone()),
            None => request,
        }
    }
}
