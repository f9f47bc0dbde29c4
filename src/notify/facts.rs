//! What is to be known of each kind of target, in one table.

/// What kind of receiver it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A tool that keeps incidents and escalates them itself.
    Incidents,
    /// A chat, or a push message.
    Chat,
    /// Mail.
    Mail,
    /// Text messages to phones.
    TextMessage,
    /// Whatever the operator makes of it.
    Any,
}

/// A kind of target.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The word in the settings.
    pub kind: &'static str,
    /// The name of the service.
    pub service: &'static str,
    /// What it is.
    pub class: Class,
    /// Whether it can be told that somebody has taken an incident on.
    pub acknowledges: bool,
    /// Whether it can be told that an incident is over.
    pub resolves: bool,
    /// Whether something can be added to an incident that is there.
    pub updates: bool,
    /// Its words for how grave an incident is; nothing where it has none.
    pub scale: Option<Scale>,
    /// The keys that must be written, beside `name` and `kind`; "a or b" where either will do.
    pub needs: &'static [&'static str],
    /// The keys that may be.
    pub takes: &'static [&'static str],
}

/// A service's words for how grave an incident is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// For critical, error, warning and info.
    pub of: [&'static str; 4],
    /// All words it knows; none: any will do.
    pub words: &'static [&'static str],
}

impl Facts {
    /// Whether a key means something for this kind.
    pub fn knows(&self, key: &str) -> bool {
        let needed = self.needs.iter().flat_map(|needed| needed.split(" or "));
        needed.chain(self.takes.iter().copied()).any(|known| known == key)
            || (key == "severities" && self.scale.is_some())
    }
}

/// All kinds.
pub const FACTS: &[Facts] = &[Facts {
    kind: "pagerduty",
    service: "PagerDuty Events v2",
    class: Class::Incidents,
    acknowledges: true,
    resolves: true,
    updates: true,
    scale: Some(Scale {
        of: ["critical", "error", "warning", "info"],
        words: &["critical", "error", "warning", "info"],
    }),
    needs: &["routing_key_file"],
    takes: &["url"],
}];
