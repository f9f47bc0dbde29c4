//! Mail over SMTP submission: one letter for each thing that happens, threaded by incident, with the caller's
//! message attached.

mod letter;
mod session;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;
use toml::Spanned;

use super::compile::Reading;
use super::exchange::{Secret, Verdict};
use super::http::Reach;
use super::size::Size;
use super::told::Told;
use super::{TargetSettings, prose};
use crate::incident::{Event, Notice, Sound};
use crate::problem::Problem;
use letter::{Attachment, Letter};
use session::{Fault, Session};

/// What a letter may carry where nothing is written. Most servers take 10 MiB and more; a WAV of two minutes has 2.
const ATTACH_LIMIT: Size = Size::mib(8);

/// A server that takes mail, and whom it is for.
#[derive(Debug, Clone)]
pub struct Mail {
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    voicemail: Voicemail,
    attach_limit: Size,
    told: Told,
}

/// The server.
#[derive(Debug, Clone)]
struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    login: Option<(String, Secret)>,
    /// The authorities of whom its certificate has to be; nothing: those that this machine trusts.
    authorities: Option<Certificate>,
}

/// How what goes to the server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// `STARTTLS`, without which nothing is sent.
    StartTls,
    /// From the first byte on.
    Tls,
    /// Not at all.
    None,
}

/// What becomes of the caller's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voicemail {
    /// The letter carries it.
    Attach,
    /// The letter says where to hear it.
    Link,
    /// The letter says that there is one.
    Nothing,
}

impl Mail {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let server = Server::compile(settings, reading);
        let from = settings.from.as_ref().and_then(|from| mailbox(from, reading));
        let written = settings.to.iter().flat_map(Spanned::get_ref);
        let to: Vec<_> = written.map(|to| mailbox(to, reading)).collect();
        let voicemail = voicemail(settings.voicemail.as_ref(), reading);
        Some(Self {
            server: server?,
            from: from?,
            to: to.into_iter().collect::<Option<_>>()?,
            voicemail: voicemail?,
            attach_limit: settings.attach_limit.as_ref().map_or(ATTACH_LIMIT, |limit| *limit.get_ref()),
            told: Told::default(),
        })
    }

    /// Whether `to` is not written.
    pub fn has_no_address(&self) -> bool {
        self.to.is_empty()
    }

    /// Sends the letter to whoever has not got it yet. Blocks. Messages of callers lie in `recordings`.
    pub fn deliver(&self, notice: &Notice, recordings: &Path, reach: Reach) -> Verdict {
        let whom = match self.recipients(notice) {
            Ok(whom) if whom.is_empty() => {
                return Verdict::Refused { why: "there is no address: `to` is not written".to_owned() };
            }
            Ok(whom) => whom,
            Err(why) => return Verdict::Refused { why },
        };
        let missing: Vec<_> =
            whom.iter().filter(|to| !self.told.has(&notice.id, to.email.as_ref())).cloned().collect();
        let (attachment, about) = self.attachment(notice, recordings);
        let letter = Letter { notice, from: &self.from, to: &whom, attachment, about, at: SystemTime::now() };
        match self.send(&letter, &missing, reach) {
            // Too big for this server: what happened matters more than its sound.
            Err(fault) if letter.attachment.is_some() && fault.is_too_big() => {
                let about = Some("The caller's message is too big for the mail server.".to_owned());
                self.verdict(
                    notice,
                    self.send(&Letter { attachment: None, about, ..letter }, &missing, reach),
                )
            }
            sent => self.verdict(notice, sent),
        }
    }

    fn send(
        &self,
        letter: &Letter<'_>,
        whom: &[Mailbox],
        reach: Reach,
    ) -> Result<Vec<(Mailbox, Fault)>, Fault> {
        let written = letter.written().map_err(Fault::lasting)?;
        Session::open(&self.server, self.from.email.domain(), reach)?
            .post(&self.from.email, whom, &written)
            .inspect(|refused| {
                let took = whom.iter().filter(|to| refused.iter().all(|(left, _)| left != *to));
                took.for_each(|to| self.told.note(&letter.notice.id, to.email.as_ref()));
            })
    }

    /// Somebody who has to wait makes the others wait for nothing: they have their letter, and a second try is for
    /// the rest.
    fn verdict(&self, notice: &Notice, sent: Result<Vec<(Mailbox, Fault)>, Fault>) -> Verdict {
        let verdict = match sent {
            Err(fault) => fault.verdict(),
            Ok(left) => match left.iter().find(|(_, fault)| fault.passes()) {
                Some((_, fault)) => fault.clone().verdict(),
                None => {
                    for (to, fault) in &left {
                        tracing::warn!(to = %to.email, why = fault.why(), "mail: refused for one of several");
                    }
                    Verdict::Delivered
                }
            },
        };
        if !matches!(verdict, Verdict::Later { .. }) {
            self.told.forget(&notice.id);
        }
        verdict
    }

    /// The person the notice is for, or all that are named.
    fn recipients(&self, notice: &Notice) -> Result<Vec<Mailbox>, String> {
        let Some(to) = &notice.to else { return Ok(self.to.clone()) };
        let name = &to.party.name;
        let Some(address) = to.address.as_ref().or(to.party.email.as_ref()) else {
            return Err(format!("{name} has no mail address"));
        };
        let address = address.parse().map_err(|_| format!("`{address}` of {name} is no mail address"))?;
        Ok(vec![Mailbox::new(Some(prose::line(name)), address)])
    }

    /// The caller's message, or what is said of it instead.
    fn attachment(&self, notice: &Notice, recordings: &Path) -> (Option<Attachment>, Option<String>) {
        // It goes with the letter that first tells of it: what follows is in the same thread.
        let news = matches!(notice.event, Event::Trigger) || notice.transcript.is_none();
        let fits = !matches!(notice.event, Event::Acknowledge | Event::Resolve) && news;
        let Some(sound) = notice.voicemail.as_ref().filter(|_| fits && self.voicemail != Voicemail::Nothing)
        else {
            return (None, None);
        };
        if self.voicemail == Voicemail::Attach {
            match read(recordings, sound, self.attach_limit) {
                Ok(attachment) => return (Some(attachment), None),
                Err(why) => return (None, Some(why)),
            }
        }
        let about = notice.link.as_ref().map(|link| format!("Hear the message: {link}"));
        (None, about)
    }
}

impl Server {
    fn compile(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Self> {
        let encryption = encryption(settings, reading);
        let login = reading.login(settings);
        let authorities = match &settings.ca_file {
            Some(path) => Some(Some(authorities(path, reading)?)),
            None => Some(None),
        };
        let (encryption, written) = (encryption?, settings.server.as_ref()?);
        let Some((host, port)) = place(written.get_ref(), encryption) else {
            let message = format!("`{}` is no server", written.get_ref());
            let help =
                "write its name, and its port where it is not the usual one, as in \"mail.acme.example:587\"";
            reading.problems.push(Problem::error(written.span(), message).help(help));
            return None;
        };
        Some(Self { host, port, encryption, login: login?, authorities: authorities? })
    }
}

/// Name and port. An IPv6 address stands in brackets.
fn place(written: &str, encryption: Encryption) -> Option<(String, u16)> {
    let usual = match encryption {
        Encryption::StartTls => 587,
        Encryption::Tls => 465,
        Encryption::None => 25,
    };
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (written, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-.:_".contains(letter);
    (!host.is_empty() && host.chars().all(good)).then(|| (host.to_owned(), port))
}

fn encryption(settings: &TargetSettings, reading: &mut Reading<'_>) -> Option<Encryption> {
    let Some(written) = &settings.tls else { return Some(Encryption::StartTls) };
    match written.get_ref().as_str() {
        "starttls" => Some(Encryption::StartTls),
        "tls" => Some(Encryption::Tls),
        // In the open, on the operator's own machine or network alone.
        "none" if settings.allow_private => Some(Encryption::None),
        "none" => {
            let message = "mail without TLS goes over one's own machine or network alone";
            let help = "add allow_private = true if the server is there, or take the line out";
            reading.problems.push(Problem::error(written.span(), message).help(help));
            None
        }
        other => {
            let message = format!("there is no `{other}` here");
            let help = "write \"starttls\", \"tls\" or \"none\"";
            reading.problems.push(Problem::error(written.span(), message).help(help));
            None
        }
    }
}

fn voicemail(written: Option<&Spanned<String>>, reading: &mut Reading<'_>) -> Option<Voicemail> {
    let Some(written) = written else { return Some(Voicemail::Attach) };
    match written.get_ref().as_str() {
        "attach" => Some(Voicemail::Attach),
        "link" => Some(Voicemail::Link),
        "none" => Some(Voicemail::Nothing),
        other => {
            let message = format!("there is no `{other}` here");
            let help = "write \"attach\", \"link\" or \"none\"";
            reading.problems.push(Problem::error(written.span(), message).help(help));
            None
        }
    }
}

fn mailbox(written: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Mailbox> {
    let good = |text: &str| !text.contains(char::is_control);
    let found = written.get_ref().parse().ok().filter(|_| good(written.get_ref()));
    if found.is_none() {
        let message = format!("`{}` is no mail address", written.get_ref());
        let help = "as in \"anna@acme.example\" or \"Anna Schmidt <anna@acme.example>\"";
        reading.problems.push(Problem::error(written.span(), message).help(help));
    }
    found
}

fn authorities(written: &Spanned<std::path::PathBuf>, reading: &mut Reading<'_>) -> Option<Certificate> {
    let path = reading.folder.join(written.get_ref());
    let read = std::fs::read(&path).map_err(|error| error.to_string());
    let holds = |pem: &[u8]| pem.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----");
    let found = read.and_then(|pem| match Certificate::from_pem(&pem) {
        Ok(found) if holds(&pem) => Ok(found),
        _ => Err("it holds no certificate".to_owned()),
    });
    found
        .map_err(|why| {
            let message = format!("the authorities cannot be read from {}: {why}", path.display());
            let help = "name a PEM file with the certificate of the authority of the mail server";
            reading.problems.push(Problem::error(written.span(), message).help(help));
        })
        .ok()
}

/// The sound, where it may go along, encrypted where it is by now; else what is said instead.
fn read(recordings: &Path, sound: &Sound, limit: Size) -> Result<Attachment, String> {
    let plain = Path::new(&sound.file).file_name().is_some_and(|name| *name == *sound.file.as_str());
    let names = [sound.file.clone(), format!("{}.age", sound.file)];
    let found = names.into_iter().filter(|_| plain).find_map(|name| {
        let file = File::open(recordings.join(&name)).ok()?;
        let mut octets = Vec::new();
        file.take(limit.octets() + 1).read_to_end(&mut octets).ok()?;
        Some(Attachment { name, octets })
    });
    match found {
        Some(found) if found.octets.len() as u64 > limit.octets() => {
            Err(format!("The caller's message is longer than the {limit} that a letter may carry."))
        }
        Some(found) => Ok(found),
        None => Err("The caller's message is not there any more.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_name_and_a_port_that_goes_with_its_encryption() {
        let of = |text, encryption| place(text, encryption);
        let found = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(of("mail.acme.example", Encryption::StartTls), found("mail.acme.example", 587));
        assert_eq!(of("mail.acme.example", Encryption::Tls), found("mail.acme.example", 465));
        assert_eq!(of("127.0.0.1:2525", Encryption::None), found("127.0.0.1", 2525));
        assert_eq!(of("[::1]:25", Encryption::None), found("::1", 25));
        assert_eq!(of("[::1]", Encryption::None), found("::1", 25));
        assert_eq!(of("smtp://mail.acme.example", Encryption::Tls), None);
        assert_eq!(of("mail.acme.example:smtp", Encryption::Tls), None);
        assert_eq!(of("", Encryption::Tls), None);
    }

    #[test]
    fn a_message_that_is_encrypted_by_now_goes_along_as_it_is() {
        let folder = std::env::temp_dir().join(format!("nightbell-letter-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let sound = Sound { file: "a.wav".to_owned(), duration_ms: 1, truncated: false };
        std::fs::write(folder.join("a.wav.age"), b"sealed").unwrap();
        let found = read(&folder, &sound, Size::mib(1)).unwrap();
        assert_eq!((found.name.as_str(), found.octets.as_slice()), ("a.wav.age", b"sealed".as_slice()));
        std::fs::write(folder.join("a.wav"), b"sound").unwrap();
        assert_eq!(read(&folder, &sound, Size::mib(1)).unwrap().name, "a.wav");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn no_file_outside_the_folder_of_recordings_goes_out() {
        for file in ["../secret.key", "/etc/hostname", "..", "", "a/b.wav"] {
            let sound = Sound { file: file.to_owned(), duration_ms: 1, truncated: false };
            assert!(read(Path::new("/etc"), &sound, Size::mib(1)).is_err(), "{file}");
        }
    }
}
