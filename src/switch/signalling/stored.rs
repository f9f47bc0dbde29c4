//! Legs that are up, as a restart after a crash needs them: it sends each a BYE.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Signalling;
use crate::call::journal::Record;
use crate::sip::{self, StoredDialog};

/// A dialog with the name of its trunk: its place among the trunks is another one when the settings have
/// changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLeg {
    /// The trunk. Left out by versions that knew only the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk_name: Option<String>,
    /// The dialog.
    #[serde(flatten)]
    pub dialog: StoredDialog,
}

impl Signalling {
    /// Writes down what a restart needs to end a leg. This has to be on its way before our 200 is, and at once
    /// when theirs comes: from then on the leg costs somebody something.
    pub(super) fn store_leg(&mut self, dialog: sip::LegId, identity: StoredDialog) {
        let trunk_name = Some(self.trunk_name(identity.trunk)).filter(|name| !name.is_empty());
        let Some(leg) = self.legs.get(dialog) else { return };
        leg.stored = true;
        let (call, leg) = (leg.call, leg.name);
        match serde_json::to_string(&StoredLeg { trunk_name, dialog: identity }) {
            Ok(dialog) => self.journal(Record::LegUp { call, leg, dialog }),
            Err(error) => tracing::error!(%call, %leg, %error, "a dialog could not be written down"),
        }
    }

    /// After a restart: BYE to every leg that was left up, over the trunk that has its name now.
    pub(super) fn end_stored(&mut self) {
        let table = self.standing.borrow().table.clone();
        for StoredLeg { trunk_name, mut dialog } in std::mem::take(&mut self.stored) {
            if let Some(name) = trunk_name {
                let place = table.trunks.iter().position(|known| known.trunk.name == name);
                let Some(place) = place else {
                    tracing::warn!(trunk = name, "a leg of the last run cannot be ended: its trunk is gone");
                    continue;
                };
                dialog.trunk = place;
            }
            self.endpoint.bye_stored(Instant::now(), &dialog);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"{"trunk":2,"next_hop":{"transport":"udp","addr":"192.0.2.9:5060"},
        "contact":"192.0.2.1:5060","contact_user":"c","call_id":"i","local":"<sip:a@h>;tag=1","local_tag":"1",
        "remote":"<sip:b@h>;tag=2","remote_tag":"2","sequence":1,"routes":[],"target":"sip:b@h"}"#;

    #[test]
    fn a_leg_is_stored_with_its_trunk_s_name_and_one_of_an_older_version_is_still_read() {
        let old: StoredLeg = serde_json::from_str(BEFORE).unwrap();
        assert_eq!((&old.trunk_name, old.dialog.trunk), (&None, 2));
        let named = StoredLeg { trunk_name: Some("carrier".to_owned()), ..old };
        let text = serde_json::to_string(&named).unwrap();
        assert!(text.contains(r#""trunk_name":"carrier""#));
        assert_eq!(serde_json::from_str::<StoredLeg>(&text).unwrap(), named);
    }
}
