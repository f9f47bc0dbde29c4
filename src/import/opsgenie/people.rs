//! Users and their phones.

use super::Converter;
use super::backup::Backup;
use super::shapes::{Contact, User};
use crate::import::directory::Known;
use crate::import::names::{Namer, one_line};
use crate::import::{PersonDraft, PhoneDraft, number};
use crate::oncall::{Language, PersonId, Phone, Target};

impl Converter {
    pub(super) fn people(&mut self, backup: &Backup) {
        let mut ids = Namer::without(&["nobody"]);
        for (path, user) in &backup.users {
            let names = [user.id.as_str(), &user.username, &user.full_name];
            if user.blocked {
                self.directory.enter("user", &names, &Known::LeftOut("is blocked".to_owned()));
                self.report.dropped(path, format!("{} is blocked, and never notified", user.username));
                continue;
            }
            let local = user.username.split('@').next().unwrap_or_default();
            let id = PersonId::new(&ids.id(if local.is_empty() { &user.full_name } else { local }));
            self.directory.enter("user", &names, &Known::As(Target::Person(id.clone())));
            let person = self.person_draft(path, id, user);
            let target = Target::Person(person.id.clone());
            self.report.became(target.clone(), path, format!("user {} is {target}", user.username));
            self.draft.people.push(person);
        }
    }

    fn person_draft(&mut self, path: &str, id: PersonId, user: &User) -> PersonDraft {
        let name = match one_line(&user.full_name) {
            empty if empty.is_empty() => id.to_string(),
            name => name,
        };
        let mut person = PersonDraft {
            id,
            name,
            phones: Vec::new(),
            email: is_email(&user.username).then(|| user.username.clone()),
            language: language(&user.locale),
            comments: Vec::new(),
        };
        self.phones(path, user, &mut person);
        person
    }

    /// Numbers for calls come first, then those for messages alone.
    fn phones(&mut self, path: &str, user: &User, person: &mut PersonDraft) {
        let of = |method: &'static str| {
            user.user_contacts
                .iter()
                .filter(move |contact| contact.contact_method.eq_ignore_ascii_case(method))
        };
        for contact in of("voice").chain(of("sms")) {
            let Some(number) = number::read(&contact.to) else {
                let text = format!("{}: `{}` is not a phone number", person.id, contact.to);
                self.report.dropped(path, text);
                continue;
            };
            let phone = Phone::Number(number);
            if person.phones.iter().any(|known| known.phone == phone) {
                continue;
            }
            let doubt = doubt(contact);
            let unconfirmed = doubt.is_some_and(|doubt| doubt.keeps_silent);
            let told = doubt.map_or(String::new(), |doubt| format!(" ({})", doubt.said));
            let text = format!("{}: `{}` is read as {phone}{told}", person.id, contact.to);
            self.report.guessed(path, text);
            if let Some(doubt) = doubt {
                person.comments.push(format!("{phone}: {}", doubt.said));
            }
            person.phones.push(PhoneDraft { phone, unconfirmed });
        }
    }
}

/// Why a number should be looked at.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    said: &'static str,
    /// It is not to be rung before it is confirmed.
    keeps_silent: bool,
}

fn doubt(contact: &Contact) -> Option<Doubt> {
    let doubt = |said, keeps_silent| Some(Doubt { said, keeps_silent });
    if contact.enabled == Some(false) {
        doubt("switched off in Opsgenie", true)
    } else if contact.verified == Some(false) {
        doubt("not verified in Opsgenie", true)
    } else if contact.contact_method.eq_ignore_ascii_case("sms") {
        doubt("used for messages alone in Opsgenie", false)
    } else {
        None
    }
}

fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// English is what everybody has who never chose: the hotline's language is the better guess then.
fn language(locale: &str) -> Option<Language> {
    let code: String = locale.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
    Language::from_code(&code.to_lowercase()).filter(|language| *language != Language::En)
}
