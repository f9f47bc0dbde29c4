//! Passwords: from a file, an environment variable or a systemd credential, never from the settings
//! themselves (and never into a message).

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::problem::{Problem, nearest};
use crate::sip::digest::{Algorithm, Credentials, Secret};
use crate::switch::settings::TrunkSettings;

/// The longest password.
const MAX_PASSWORD: u64 = 4096;
/// The variable that says where systemd has put the credentials of the unit.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// `inbound_auth` of `[[trunks]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundAuthSettings {
    /// The name the trunk authenticates with.
    pub username: Spanned<String>,
    /// Its password: a file.
    pub password_file: Option<Spanned<String>>,
    /// Its password: an environment variable.
    pub password_env: Option<Spanned<String>>,
    /// Its password: a systemd credential.
    pub credential: Option<Spanned<String>>,
}

/// Where a password is kept.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    file: Option<&'a Spanned<String>>,
    env: Option<&'a Spanned<String>>,
    credential: Option<&'a Spanned<String>>,
}

impl<'a> Source<'a> {
    fn written(&self) -> impl Iterator<Item = &'a Spanned<String>> {
        [self.file, self.env, self.credential].into_iter().flatten()
    }
}

/// Reads passwords; paths are relative to the folder of the settings.
pub(super) struct Reader<'a> {
    pub(super) folder: &'a Path,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// Who we are to a trunk: nothing, if it does not say.
    pub(super) fn outbound(&mut self, settings: &TrunkSettings) -> Option<Credentials> {
        let source = Source {
            file: settings.password_file.as_ref(),
            env: settings.password_env.as_ref(),
            credential: settings.credential.as_ref(),
        };
        let algorithms = self.algorithms(settings);
        let Some(username) = settings.auth_username.as_ref().or(settings.username.as_ref()) else {
            if let Some(alone) = source.written().next() {
                let help = "write username = \"...\" beside it";
                self.problems.push(Problem::error(alone.span(), "a password without a username").help(help));
            }
            return None;
        };
        let is_needed = settings.auth_username.is_some();
        if source.written().next().is_none() && !is_needed {
            // An account without a password: the carrier knows us by our address.
            return None;
        }
        let password = self.password(source, username.span())?;
        Some(Credentials { username: self.username(username)?, password, algorithms })
    }

    /// Who a trunk has to be to us.
    pub(super) fn inbound(&mut self, settings: &TrunkSettings) -> Option<Credentials> {
        let written = settings.inbound_auth.as_ref()?.get_ref();
        let source = Source {
            file: written.password_file.as_ref(),
            env: written.password_env.as_ref(),
            credential: written.credential.as_ref(),
        };
        let password = self.password(source, written.username.span())?;
        let mut problems = Vec::new();
        let algorithms = Reader { folder: self.folder, problems: &mut problems }.algorithms(settings);
        Some(Credentials { username: self.username(&written.username)?, password, algorithms })
    }

    fn username(&mut self, written: &Spanned<String>) -> Option<String> {
        let text = written.get_ref();
        let legal = !text.is_empty()
            && text.len() <= 128
            && text.chars().all(|c| !c.is_control() && !c.is_whitespace());
        if !legal {
            let help = "write it as the carrier gave it, without spaces";
            self.problems.push(Problem::error(written.span(), "this is not a username").help(help));
        }
        legal.then(|| text.clone())
    }

    fn algorithms(&mut self, settings: &TrunkSettings) -> Vec<Algorithm> {
        let Some(written) = &settings.digest else { return Algorithm::ALL.to_vec() };
        let mut algorithms = Vec::new();
        for name in written.get_ref() {
            match Algorithm::named(name.get_ref()) {
                Some(algorithm) if algorithms.contains(&algorithm) => {}
                Some(algorithm) => algorithms.push(algorithm),
                None => self.problems.push(unknown_algorithm(name)),
            }
        }
        if written.get_ref().is_empty() {
            let help = "name at least one, or take the line out";
            self.problems.push(Problem::error(written.span(), "digest names no algorithm").help(help));
        }
        algorithms
    }

    /// The one password that is meant.
    fn password(&mut self, source: Source<'_>, place: Range<usize>) -> Option<Secret> {
        if let Some(second) = source.written().nth(1) {
            let help = "keep one of password_file, password_env and credential";
            self.problems.push(Problem::error(second.span(), "the password is named twice").help(help));
            return None;
        }
        let found = match (source.file, source.env, source.credential) {
            (Some(file), _, _) => self.read_file(file),
            (_, Some(variable), _) => from_environment(variable),
            (_, _, Some(name)) => from_systemd(name),
            (None, None, None) => {
                let help = "write password_file = \"PATH\", password_env = \"NAME\" or credential = \"NAME\"";
                Err(Problem::error(place, "a username without a password").help(help))
            }
        };
        found.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn read_file(&self, written: &Spanned<String>) -> Result<Secret, Problem> {
        let path = self.folder.join(written.get_ref());
        let place = written.span();
        let unreadable = |error: io::Error| {
            let message = format!("cannot read the password in {}: {error}", path.display());
            Problem::error(written.span(), message).help("put the password into that file, and nothing else")
        };
        let about = fs::metadata(&path).map_err(unreadable)?;
        if about.is_file() && about.permissions().mode() & 0o077 != 0 {
            let message = format!("{} can be read by others", path.display());
            let help = format!("chmod 600 {}", path.display());
            return Err(Problem::error(place, message).help(help));
        }
        if !about.is_file() || about.len() > MAX_PASSWORD {
            let message = format!("{} is no file with a password", path.display());
            return Err(Problem::error(place, message).help("put the password into a file, and nothing else"));
        }
        let octets = fs::read(&path).map_err(unreadable)?;
        secret(octets, place, &path.display().to_string())
    }
}

fn from_environment(written: &Spanned<String>) -> Result<Secret, Problem> {
    let name = written.get_ref();
    match std::env::var_os(name) {
        Some(value) => secret(value.into_encoded_bytes(), written.span(), name),
        None => {
            let message = format!("the environment has no {name}");
            let help = format!("in the unit: EnvironmentFile=, with {name}=... in a file of mode 600");
            Err(Problem::error(written.span(), message).help(help))
        }
    }
}

fn from_systemd(written: &Spanned<String>) -> Result<Secret, Problem> {
    let name = written.get_ref();
    let place = written.span();
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        let help = "write the name that LoadCredential= gives it";
        return Err(Problem::error(place, format!("`{name}` is no name of a credential")).help(help));
    }
    let Some(folder) = std::env::var_os(DIRECTORY) else {
        let message = format!("systemd has given no credentials, so there is no `{name}`");
        let help = format!("in the unit: LoadCredential={name}:/etc/nightbell/{name}");
        return Err(Problem::error(place, message).help(help));
    };
    // The folder is systemd's: nobody else can read it, whatever the mode of the file says.
    match fs::read(Path::new(&folder).join(name)) {
        Ok(octets) => secret(octets, place, name),
        Err(error) => {
            let message = format!("cannot read the credential `{name}`: {error}");
            let help = format!("in the unit: LoadCredential={name}:/etc/nightbell/{name}");
            Err(Problem::error(place, message).help(help))
        }
    }
}

/// The password without the line ends behind it.
fn secret(mut octets: Vec<u8>, place: Range<usize>, from: &str) -> Result<Secret, Problem> {
    let end = octets.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n')).map_or(0, |last| last + 1);
    octets.truncate(end);
    if octets.is_empty() {
        return Err(Problem::error(place, format!("the password in {from} is empty")).help("write it there"));
    }
    Ok(Secret::new(octets))
}

fn unknown_algorithm(written: &Spanned<String>) -> Problem {
    let name = written.get_ref();
    let help = match nearest(&name.to_ascii_uppercase(), Algorithm::ALL.map(Algorithm::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write SHA-512-256, SHA-256 or MD5".to_owned(),
    };
    Problem::error(written.span(), format!("there is no digest algorithm `{name}`")).help(help)
}
