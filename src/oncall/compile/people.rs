//! People and their phones.

use toml::Spanned;

use super::Compiler;
use crate::oncall::name::PersonId;
use crate::oncall::phone::Phone;
use crate::oncall::roster::{Person, PersonPhone};
use crate::oncall::settings::PersonEntry;
use crate::oncall::way::Way;
use crate::problem::Problem;

impl Compiler {
    pub(super) fn person(&mut self, entry: &PersonEntry) {
        let id = PersonId::new(entry.id.get_ref());
        self.check_name("person", &entry.id, self.roster.people.contains_key(&id));
        if id.as_str() == "nobody" {
            let help = "choose another id: in a rotation `nobody` is a gap on purpose";
            self.error(entry.id.span(), "nobody can be called `nobody`", help);
        }
        let name = entry.name.as_ref().unwrap_or(&entry.id);
        self.check_line("a name", name);
        if let Some(email) = &entry.email {
            self.check_email(email);
        }
        let person = Person {
            name: name.get_ref().clone(),
            phones: self.phones(entry),
            email: entry.email.as_ref().map(|email| email.get_ref().clone()),
            language: entry.language,
            notify: self.ways(entry),
            available: entry.available,
            by_command: None,
            id: id.clone(),
        };
        self.roster.people.entry(id).or_insert(person);
    }

    /// How incidents reach this person. Whether a target of a name is there is for the settings to say.
    fn ways(&mut self, entry: &PersonEntry) -> Vec<Way> {
        let mut ways = Vec::new();
        for written in entry.notify.iter().flat_map(|notify| notify.get_ref()) {
            self.check_line("a way", written);
            let way = Way::of(written.get_ref());
            if way == Way::Email && entry.email.is_none() {
                let message = format!("`{}` is to be told by mail and has no address", entry.id.get_ref());
                self.problems.push(Problem::warning(written.span(), message).help("add email = \"...\""));
            }
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        if let Some(notify) = entry.notify.as_ref().filter(|_| ways == [Way::NoPhone]) {
            let message = format!("no incident would ever reach `{}`", entry.id.get_ref());
            let help = "write another way beside \"no-phone\"";
            self.problems.push(Problem::warning(notify.span(), message).help(help));
        }
        if let Some(notify) = entry.notify.as_ref().filter(|notify| notify.get_ref().is_empty()) {
            let help = "write \"email\", \"sms\", \"chat\" or the name of a [[notify]]; leave it out for the phone alone";
            self.error(notify.span(), "notify names no way", help);
        }
        if ways.is_empty() { vec![Way::Phone] } else { ways }
    }

    fn check_email(&mut self, email: &Spanned<String>) {
        let text = email.get_ref();
        let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let parts = text.rsplit_once('@');
        if !plain || !parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) {
            let message = format!("`{text}` is not an e-mail address");
            self.error(email.span(), message, "write it as in anna@acme.example");
        }
    }

    fn phones(&mut self, entry: &PersonEntry) -> Vec<PersonPhone> {
        let id = entry.id.get_ref();
        let mut phones: Vec<PersonPhone> = Vec::new();
        for written in &entry.phones {
            match Phone::parse(&written.get_ref().phone) {
                Err(fault) => self.problems.push(Problem::error(
                    written.span(),
                    format!("`{}` is not a phone: {fault}", written.get_ref().phone),
                )),
                Ok(phone) if phones.iter().any(|known| known.phone == phone) => {
                    let message = format!("{id} has the phone {phone} twice; it is rung once");
                    self.problems.push(Problem::warning(written.span(), message));
                }
                Ok(phone) => phones.push(PersonPhone { phone, confirmed: !written.get_ref().unconfirmed }),
            }
        }
        if entry.phones.is_empty() {
            let help = "add `phones = [\"+49...\"]`: numbers in E.164 or SIP addresses";
            self.error(entry.id.span(), format!("person `{id}` has no phone"), help);
        } else if entry.phones.iter().all(|written| written.get_ref().unconfirmed) {
            let message = format!("person `{id}` has no confirmed phone and is never rung");
            let help = "take `unconfirmed` away once the person has confirmed the number";
            self.problems.push(Problem::warning(entry.id.span(), message).help(help));
        }
        phones
    }
}
