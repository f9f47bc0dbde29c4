//! Users and their phones.

use super::Converter;
use super::export::Account;
use super::shapes::{ContactMethod, Reference, User};
use crate::import::directory::Known;
use crate::import::names::one_line;
use crate::import::{PersonDraft, PhoneDraft, number};
use crate::oncall::{PersonId, Phone, Target};

impl Converter {
    pub(super) fn people(&mut self, account: &Account) {
        for (path, user) in &account.users {
            let local = user.email.split('@').next().unwrap_or_default();
            let said = if local.is_empty() { &user.name } else { local };
            let mut person = self.person(said, &user.name);
            person.email = user.email.contains('@').then(|| user.email.clone());
            let target = Target::Person(person.id.clone());
            let names = [user.id.as_str(), &user.email, &user.name];
            self.directory.enter("user", &names, &Known::As(target.clone()));
            self.report.became(target.clone(), path, format!("user {} is {target}", user.name));
            self.phones(path, user, &mut person);
            self.draft.people.push(person);
        }
    }

    fn person(&mut self, said: &str, name: &str) -> PersonDraft {
        let id = PersonId::new(&self.people_names.id(said));
        let name = match one_line(name) {
            empty if empty.is_empty() => id.to_string(),
            name => name,
        };
        PersonDraft { id, name, phones: Vec::new(), email: None, language: None, comments: Vec::new() }
    }

    /// Numbers for calls come first, then those for messages alone.
    fn phones(&mut self, path: &str, user: &User, person: &mut PersonDraft) {
        let Some(methods) = &user.contact_methods else {
            let text = format!(
                "{}: without contact methods; ask for users with include[]=contact_methods",
                person.id
            );
            self.report.guessed(path, text);
            return;
        };
        let of = |kind: &'static str| methods.iter().filter(move |method| method.kind.starts_with(kind));
        for method in of("phone").chain(of("sms")) {
            let Some(number) = read(method) else {
                let why = match method.kind.ends_with("_reference") {
                    true => {
                        "a contact method without its number; ask with include[]=contact_methods".to_owned()
                    }
                    false => format!("`{}` is not a phone number", method.address),
                };
                self.report.dropped(path, format!("{}: {why}", person.id));
                continue;
            };
            let phone = Phone::Number(number);
            if person.phones.iter().any(|known| known.phone == phone) {
                continue;
            }
            self.report.guessed(path, format!("{}: `{}` is read as {phone}", person.id, said(method)));
            let unconfirmed = method.blacklisted || method.enabled == Some(false);
            if unconfirmed {
                person.comments.push(format!("{phone}: switched off in PagerDuty"));
            }
            person.phones.push(PhoneDraft { phone, unconfirmed });
        }
    }

    /// A user. Who is not in the export is written without a phone; whose account is deleted, not at all.
    pub(super) fn user(&mut self, reference: &Reference, place: &str, path: &str) -> Option<Target> {
        if let Some(Known::As(target)) = self.directory.find("user", &[&reference.id, reference.said()]) {
            return Some(target.clone());
        }
        if reference.deleted_at.is_some() || reference.said().is_empty() {
            let text = format!("{place}: the user {} was deleted, and is left out", reference.said());
            self.report.dropped(path, text);
            return None;
        }
        let person = self.person(reference.said(), reference.said());
        let target = Target::Person(person.id.clone());
        self.directory.enter("user", &[&reference.id, reference.said()], &Known::As(target.clone()));
        let text =
            format!("user {} is {target}, without more: users are not in the export", reference.said());
        self.report.became(target.clone(), path, text);
        self.draft.people.push(person);
        Some(target)
    }
}

fn read(method: &ContactMethod) -> Option<crate::oncall::E164> {
    match method.country_code.filter(|_| !method.address.trim().starts_with('+')) {
        Some(country) => number::join(&country.to_string(), &method.address),
        None => number::read(&method.address),
    }
}

fn said(method: &ContactMethod) -> String {
    match method.country_code {
        Some(country) => format!("{country} {}", method.address),
        None => method.address.clone(),
    }
}
