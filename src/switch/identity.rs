//! How a trunk names people: which header field holds the number that was dialled, in which form numbers
//! are written, and what of a caller goes into the record.

use std::borrow::Cow;

use toml::Spanned;

use crate::call::journal::{self, Diverter, Stated};
use crate::oncall::{E164, NumberFormat, Phone};
use crate::problem::{Problem, nearest};
use crate::sip::{
    self, Attestation, DiversionReason, Forwarded, IdentityHeader, IdentityPolicy, IncomingCall, Verstat,
};
use crate::switch::settings::TrunkSettings;
use crate::switch::trunks::Trunk;

/// Where a trunk puts the number that was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CalledNumber {
    /// Into the Request-URI.
    #[default]
    RequestUri,
    /// Into To: the Request-URI names our registration.
    To,
    /// Into P-Called-Party-ID (RFC 7315 4.2).
    CalledParty,
}

impl CalledNumber {
    const WORDS: [(&'static str, Self); 3] =
        [("request-uri", Self::RequestUri), ("to", Self::To), ("p-called-party-id", Self::CalledParty)];

    /// Whom a call is for; the Request-URI tells where the trunk has left the chosen header field out.
    pub fn of(self, call: &IncomingCall) -> &str {
        let chosen = match self {
            Self::RequestUri => None,
            Self::To => Some(call.to_user.as_str()),
            Self::CalledParty => call.called_party.as_deref(),
        };
        chosen.filter(|user| !user.is_empty()).unwrap_or(&call.request_user)
    }

    /// The word of the settings.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }

    /// The other places where a trunk may put it.
    pub fn others(self) -> impl Iterator<Item = Self> {
        Self::WORDS.into_iter().map(|(_, choice)| choice).filter(move |choice| *choice != self)
    }
}

const FORMATS: [(&str, NumberFormat); 4] = [
    ("e164", NumberFormat::E164),
    ("digits", NumberFormat::Digits),
    ("international", NumberFormat::International),
    ("national", NumberFormat::National),
];

const HEADERS: [(&str, IdentityHeader); 4] = [
    ("p-asserted-identity", IdentityHeader::Asserted),
    ("p-preferred-identity", IdentityHeader::Preferred),
    ("from", IdentityHeader::From),
    ("remote-party-id", IdentityHeader::RemoteParty),
];

const FORWARDED: [(&str, Forwarded); 3] = [
    ("none", Forwarded::None),
    ("diversion", Forwarded::Diversion),
    ("history-info", Forwarded::HistoryInfo),
];

/// Whether From has to name our account.
const FROM_USERS: [(&str, bool); 2] = [("number", false), ("account", true)];

/// What a setting's word stands for; the default where it is left out or unknown.
pub(super) fn word<T: Copy + Default>(
    key: &str,
    written: Option<&Spanned<String>>,
    words: &[(&'static str, T)],
    problems: &mut Vec<Problem>,
) -> T {
    let Some(written) = written else { return T::default() };
    let text = written.get_ref().as_str();
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return *value;
    }
    let known = words.iter().map(|(word, _)| *word);
    let help = match nearest(&text.to_ascii_lowercase(), known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", known.collect::<Vec<_>>().join(", ")),
    };
    problems.push(Problem::error(written.span(), format!("{key} cannot be `{text}`")).help(help));
    T::default()
}

/// Checks where a trunk puts the number that was dialled, and in which form it wants numbers.
pub(super) fn compile_numbers(
    settings: &TrunkSettings,
    problems: &mut Vec<Problem>,
) -> (CalledNumber, NumberFormat) {
    let called = word("called_number", settings.called_number.as_ref(), &CalledNumber::WORDS, problems);
    let format = word("number_format", settings.number_format.as_ref(), &FORMATS, problems);
    if format == NumberFormat::National
        && settings.country.is_none()
        && let Some(written) = &settings.number_format
    {
        let message = "number_format = \"national\" needs the trunk's country";
        problems.push(Problem::error(written.span(), message).help("add country = \"49\", or yours"));
    }
    (called, format)
}

/// Checks how a trunk is told who calls.
pub(super) fn compile_identity(settings: &TrunkSettings, problems: &mut Vec<Problem>) -> IdentityPolicy {
    let is_account = word("from_user", settings.from_user.as_ref(), &FROM_USERS, problems);
    let account = settings.username.as_ref().filter(|_| is_account);
    if is_account
        && account.is_none()
        && let Some(written) = &settings.from_user
    {
        let message = "from_user = \"account\" needs the account's name";
        problems.push(Problem::error(written.span(), message).help("add username = \"...\""));
    }
    let account = account.map(|name| name.get_ref().clone());
    IdentityPolicy {
        header: word("identity", settings.identity.as_ref(), &HEADERS, problems),
        account,
        user_phone: settings.user_phone,
        forwarded: word("forwarded", settings.forwarded.as_ref(), &FORWARDED, problems),
    }
}

impl Trunk {
    /// Reads a number in whatever form the trunk sends it.
    pub fn number(&self, text: &str) -> Option<E164> {
        let is_digits = self.number_format == NumberFormat::Digits && !text.starts_with(['+', '0']);
        let plain = if is_digits { E164::from_digits(text) } else { None };
        plain.or_else(|| E164::from_dialled(text, self.country.as_deref()))
    }

    /// The number as the trunk wants it.
    pub fn written(&self, number: &E164) -> String {
        number.written(self.number_format, self.country.as_deref())
    }

    /// What is dialled to ring a phone over the trunk, whose numbers are those of `domain`.
    pub fn request_uri(&self, phone: &Phone, domain: &str) -> String {
        match phone {
            Phone::Number(number) => format!("sip:{}@{domain}", self.written(number)),
            Phone::Sip(address) => format!("sip:{address}"),
        }
    }

    /// The number, or else the name as it came.
    pub fn number_or_name(&self, name: &str) -> String {
        self.number(name).map_or_else(|| name.to_owned(), |number| number.to_string())
    }

    /// Who calls: the first of the stated callers that is a number. Nobody: withheld, or no number.
    pub fn caller(&self, identity: &sip::Identity) -> Option<E164> {
        identity.callers.iter().find_map(|caller| self.number(caller))
    }

    /// What else goes into the record.
    pub fn stated(&self, identity: &sip::Identity) -> Stated {
        let diverter = |diversion: &sip::Diversion| Diverter {
            number: diversion.by.as_ref().map_or("anonymous".to_owned(), |by| self.number_or_name(by)),
            reason: reason(diversion.reason).map(Cow::Borrowed),
        };
        Stated {
            display_name: identity.display_name.clone(),
            diverted_by: identity.diversions.iter().map(diverter).collect(),
            verstat: identity.verstat.map(|verstat| match verstat {
                Verstat::Passed => journal::Verstat::Passed,
                Verstat::Failed => journal::Verstat::Failed,
                Verstat::NotValidated => journal::Verstat::NotChecked,
            }),
            attestation: identity.attestation.map(|level| match level {
                Attestation::Full => journal::Attestation::Full,
                Attestation::Partial => journal::Attestation::Partial,
                Attestation::Gateway => journal::Attestation::Gateway,
            }),
        }
    }
}

fn reason(reason: DiversionReason) -> Option<&'static str> {
    match reason {
        DiversionReason::Busy => Some("busy"),
        DiversionReason::NoAnswer => Some("no answer"),
        DiversionReason::Unconditional => Some("unconditionally"),
        DiversionReason::Deflected => Some("deflected"),
        DiversionReason::Unavailable => Some("unreachable"),
        DiversionReason::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(number_format: NumberFormat) -> Trunk {
        Trunk { number_format, country: Some("49".to_owned()), ..Trunk::named("carrier") }
    }

    fn call(request: &str, to: &str, called_party: Option<&str>) -> IncomingCall {
        IncomingCall {
            call_id: "1".to_owned(),
            request_user: request.to_owned(),
            request_host: "h".to_owned(),
            to_user: to.to_owned(),
            called_party: called_party.map(str::to_owned),
            identity: sip::Identity::default(),
            has_offer: true,
        }
    }

    #[test]
    fn the_header_field_of_choice_names_the_number_and_the_request_uri_where_it_is_missing() {
        let whole = call("pilot", "+491", Some("+492"));
        let chosen = [CalledNumber::RequestUri, CalledNumber::To, CalledNumber::CalledParty];
        assert_eq!(chosen.map(|choice| choice.of(&whole).to_owned()), ["pilot", "+491", "+492"]);
        let bare = call("pilot", "", None);
        assert_eq!(chosen.map(|choice| choice.of(&bare).to_owned()), ["pilot", "pilot", "pilot"]);
    }

    #[test]
    fn numbers_are_dialled_in_the_trunks_form_and_addresses_as_they_are() {
        let number = Phone::parse("+4915112345").unwrap();
        let uri = |format| trunk(format).request_uri(&number, "carrier.example");
        assert_eq!(uri(NumberFormat::E164), "sip:+4915112345@carrier.example");
        assert_eq!(uri(NumberFormat::Digits), "sip:4915112345@carrier.example");
        assert_eq!(uri(NumberFormat::International), "sip:004915112345@carrier.example");
        assert_eq!(uri(NumberFormat::National), "sip:015112345@carrier.example");
        let desk = Phone::parse("sip:anna@10.1.2.3:5062").unwrap();
        assert_eq!(trunk(NumberFormat::National).request_uri(&desk, "h"), "sip:anna@10.1.2.3:5062");
    }

    #[test]
    fn the_first_stated_caller_that_is_a_number_is_the_caller() {
        let callers = |names: &[&str]| sip::Identity {
            callers: names.iter().map(|name| (*name).to_owned()).collect(),
            ..sip::Identity::default()
        };
        let trunk = trunk(NumberFormat::E164);
        let caller = |names: &[&str]| trunk.caller(&callers(names)).map(|number| number.to_string());
        assert_eq!(caller(&["anna", "0151 234-567", "+431"]).as_deref(), Some("+49151234567"));
        assert_eq!(caller(&["anna"]), None);
    }

    #[test]
    fn who_passed_a_call_on_is_told_in_e164_where_it_is_a_number() {
        let diversion =
            |by: Option<&str>| sip::Diversion { by: by.map(str::to_owned), reason: DiversionReason::Busy };
        let diversions = vec![diversion(Some("030111")), diversion(Some("anna")), diversion(None)];
        let stated =
            trunk(NumberFormat::E164).stated(&sip::Identity { diversions, ..sip::Identity::default() });
        let numbers: Vec<_> = stated.diverted_by.iter().map(|diverter| diverter.number.as_str()).collect();
        assert_eq!(numbers, ["+4930111", "anna", "anonymous"]);
        assert_eq!(
            stated.describe(),
            "passed on by +4930111 (busy), before that by anna (busy), before that by anonymous (busy)"
        );
    }
}
