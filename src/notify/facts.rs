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
    /// The keys that must be written, beside `name` and `kind`.
    pub needs: &'static [&'static str],
    /// The keys that may be.
    pub takes: &'static [&'static str],
}

/// All kinds.
pub const FACTS: &[Facts] = &[Facts {
    kind: "pagerduty",
    service: "PagerDuty Events v2",
    class: Class::Incidents,
    acknowledges: true,
    resolves: true,
    updates: true,
    needs: &["routing_key_file"],
    takes: &["url"],
}];
