//! A dialog (RFC 3261 12): what both sides agree that a request inside a call looks like.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::sip::transport::Hop;
use crate::sip::uri::Uri;

/// All that is needed to send a request to a leg, also a BYE after a restart. The tags and the Call-ID of a
/// dialog do not change in its life; what is stored once gives a BYE that arrives all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDialog {
    /// The trunk it came in or went out over.
    pub trunk: usize,
    /// Where its requests are sent: the trunk's address, whatever the Contact behind its NAT says.
    pub next_hop: Hop,
    /// Our address on the trunk, for Via and Contact.
    pub contact: SocketAddr,
    /// The user part of our Contact: a random name of this dialog.
    pub contact_user: String,
    /// Call-ID.
    pub call_id: String,
    /// Our From, with our tag.
    pub local: String,
    /// Our tag.
    pub local_tag: String,
    /// Their To, with their tag.
    pub remote: String,
    /// Their tag; empty for a peer of RFC 2543, which has none.
    pub remote_tag: String,
    /// The CSeq number of our last request.
    pub sequence: u32,
    /// The route set, in the order of the requests' Route.
    pub routes: Vec<String>,
    /// The remote target: the URI of their Contact.
    pub target: String,
}

impl StoredDialog {
    /// The Request-URI and the Route values of a request in the dialog (RFC 3261 12.2.1.1). Behind a
    /// strict router the first route is the Request-URI, and the target stands last among the routes.
    pub fn path(&self) -> (String, Vec<String>) {
        match self.routes.split_first() {
            Some((first, others)) if !is_loose(first) => {
                let mut routes = others.to_vec();
                routes.push(format!("<{}>", self.target));
                (address(first), routes)
            }
            _ => (self.target.clone(), self.routes.clone()),
        }
    }
}

/// The URI between the angle brackets of a Route.
fn address(route: &str) -> String {
    let inner = route.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri);
    inner.unwrap_or(route).trim().to_owned()
}

/// Whether a Route has the parameter `lr`, with or without a value (`lr=on` is seen).
fn is_loose(route: &str) -> bool {
    let uri = address(route);
    let parameters = uri.split('?').next().unwrap_or_default().split(';').skip(1);
    parameters
        .map(|parameter| parameter.split('=').next().unwrap_or_default().trim())
        .any(|name| name.eq_ignore_ascii_case("lr"))
}

/// A dialog with what changes in it.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) identity: StoredDialog,
    /// The CSeq number of their last request.
    pub(super) remote_sequence: Option<u32>,
}

impl Dialog {
    /// Whether a request with this CSeq number is the next one (RFC 3261 12.2.2). It is remembered.
    pub(super) fn takes(&mut self, sequence: u32) -> bool {
        let next = self.remote_sequence.is_none_or(|last| sequence > last);
        if next {
            self.remote_sequence = Some(sequence);
        }
        next
    }

    /// A target refresh: their Contact has changed (RFC 3261 12.2.2), or the way to them has.
    pub(super) fn refresh(&mut self, contact: Option<&Uri>, source: Hop) {
        if let Some(uri) = contact {
            self.identity.target = uri.to_string();
        }
        self.identity.next_hop = source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(routes: &[&str]) -> StoredDialog {
        let address = SocketAddr::from(([192, 0, 2, 1], 5060));
        StoredDialog {
            trunk: 0,
            next_hop: Hop::udp(address),
            contact: address,
            contact_user: "c".into(),
            call_id: "i".into(),
            local: "<sip:a@h>;tag=1".into(),
            local_tag: "1".into(),
            remote: "<sip:b@h>;tag=2".into(),
            remote_tag: "2".into(),
            sequence: 1,
            routes: routes.iter().map(|&route| route.to_owned()).collect(),
            target: "sip:b@peer".into(),
        }
    }

    #[test]
    fn behind_loose_routers_the_request_uri_is_the_target() {
        for first in ["<sip:p1;lr>", "<sip:p1;lr=on>;x=y", "\"P\" <sip:p1;transport=udp;LR>"] {
            let (uri, routes) = dialog(&[first, "<sip:p2;lr>"]).path();
            assert_eq!(uri, "sip:b@peer");
            assert_eq!(routes, [first, "<sip:p2;lr>"]);
        }
    }

    #[test]
    fn behind_a_strict_router_the_target_is_the_last_route() {
        let (uri, routes) = dialog(&["<sip:p1;ttl=1>", "<sip:p2;lr>"]).path();
        assert_eq!(uri, "sip:p1;ttl=1");
        assert_eq!(routes, ["<sip:p2;lr>", "<sip:b@peer>"]);
    }

    #[test]
    fn only_a_rising_cseq_is_taken() {
        let mut dialog = Dialog { identity: dialog(&[]), remote_sequence: Some(7) };
        assert!(!dialog.takes(7));
        assert!(!dialog.takes(6));
        assert!(dialog.takes(9), "gaps are allowed");
        assert!(!dialog.takes(8));
    }

    #[test]
    fn a_stored_dialog_comes_back_as_it_was() {
        let before = dialog(&["<sip:p1;lr>"]);
        let text = serde_json::to_string(&before).unwrap_or_default();
        assert_eq!(serde_json::from_str::<StoredDialog>(&text).ok(), Some(before));
    }
}
