//! Whose a message is where several trunks share an address: two accounts with one carrier, or a trunk that
//! is no longer in the settings while its calls run on.

use super::receive::Facts;
use super::{DialogKey, Endpoint};
use crate::sip::message::{Message, Method, Request, Response};

impl Endpoint {
    /// The one of these trunks that a message belongs to: by the transaction or the dialog it is part of; one
    /// that begins something, by the account in its Request-URI, for that is the Contact which was registered
    /// (RFC 3261 10.2). Nothing: it does not say.
    pub fn owner(&self, sharing: &[usize], message: &[u8]) -> Option<usize> {
        let found = match Message::parse_datagram(message).ok()? {
            Message::Response(response) => self.owner_of_response(&response),
            Message::Request(request) => self.owner_of_request(sharing, &request),
        };
        found.filter(|trunk| sharing.contains(trunk))
    }

    fn owner_of_response(&self, response: &Response) -> Option<usize> {
        let transaction = self.asked_by(response).and_then(|id| self.transactions.get(id));
        if let Some(transaction) = transaction {
            return Some(transaction.trunk);
        }
        let facts = Facts::of(&response.headers)?;
        self.trunk_of_dialog(facts.call_id, facts.from_tag)
    }

    fn owner_of_request(&self, sharing: &[usize], request: &Request) -> Option<usize> {
        let facts = Facts::of(&request.headers)?;
        let method = match &request.method {
            Method::Ack | Method::Cancel => Method::Invite,
            other => other.clone(),
        };
        let is_known = |trunk: &&usize| {
            self.transactions.server(&facts.server_key(**trunk, method.clone(), request)).is_some()
        };
        if let Some(trunk) = sharing.iter().find(is_known) {
            return Some(*trunk);
        }
        match facts.to_tag {
            Some(tag) => self.trunk_of_dialog(facts.call_id, tag),
            None => sharing.iter().copied().find(|trunk| self.registers_as(*trunk, request)),
        }
    }

    fn trunk_of_dialog(&self, call_id: String, local_tag: String) -> Option<usize> {
        let leg = self.dialogs.get(&DialogKey { call_id, local_tag })?;
        self.legs.get(leg).map(|leg| leg.trunk)
    }

    /// Whether a trunk has registered the user of the Request-URI.
    fn registers_as(&self, trunk: usize, request: &Request) -> bool {
        let registration = self.config.trunks.get(trunk).and_then(|profile| profile.registration.as_ref());
        let user = request.uri.subscriber();
        registration.is_some_and(|registration| Some(&registration.username) == user.as_ref())
    }
}
