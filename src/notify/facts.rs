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

/// Our own words.
const OWN: Scale =
    Scale { of: ["critical", "error", "warning", "info"], words: &["critical", "error", "warning", "info"] };
/// Our own words, and any other.
const ANY: Scale = Scale { of: OWN.of, words: &[] };
/// Priorities of Opsgenie and its successor.
const PRIORITIES: Scale = Scale { of: ["P1", "P2", "P3", "P5"], words: &["P1", "P2", "P3", "P4", "P5"] };

/// All kinds.
pub const FACTS: &[Facts] = &[
    Facts {
        kind: "pagerduty",
        service: "PagerDuty Events v2",
        class: Class::Incidents,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(OWN),
        needs: &["routing_key_file"],
        takes: &["url"],
    },
    Facts {
        kind: "opsgenie",
        service: "Opsgenie",
        class: Class::Incidents,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(PRIORITIES),
        needs: &["api_key_file"],
        takes: &["url"],
    },
    Facts {
        kind: "jira",
        service: "Jira Service Management",
        class: Class::Incidents,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(PRIORITIES),
        needs: &["api_key_file"],
        takes: &["url"],
    },
    Facts {
        kind: "ilert",
        service: "ilert",
        class: Class::Incidents,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(Scale { of: ["HIGH", "HIGH", "LOW", "LOW"], words: &["HIGH", "LOW"] }),
        needs: &["api_key_file"],
        takes: &["url"],
    },
    Facts {
        kind: "incidentio",
        service: "incident.io",
        class: Class::Incidents,
        acknowledges: false,
        resolves: true,
        updates: true,
        scale: Some(ANY),
        needs: &["url or url_file", "token_file"],
        takes: &[],
    },
    Facts {
        kind: "allquiet",
        service: "All Quiet",
        class: Class::Incidents,
        acknowledges: false,
        resolves: true,
        updates: true,
        scale: Some(Scale {
            of: ["Critical", "Critical", "Warning", "Minor"],
            words: &["Critical", "Warning", "Minor"],
        }),
        needs: &["url or url_file"],
        takes: &["token_file"],
    },
    Facts {
        kind: "goalert",
        service: "GoAlert",
        class: Class::Incidents,
        acknowledges: false,
        resolves: true,
        updates: false,
        scale: None,
        needs: &["url or url_file", "token_file"],
        takes: &[],
    },
    Facts {
        kind: "grafana",
        service: "Grafana OnCall and IRM",
        class: Class::Incidents,
        acknowledges: false,
        resolves: true,
        updates: true,
        scale: None,
        needs: &["url or url_file"],
        takes: &[],
    },
    Facts {
        kind: "alertmanager",
        service: "Prometheus Alertmanager",
        class: Class::Incidents,
        acknowledges: false,
        resolves: true,
        updates: true,
        scale: Some(ANY),
        needs: &["url or url_file"],
        takes: &["token_file", "username", "password_file"],
    },
    Facts {
        kind: "webhook",
        service: "Webhook",
        class: Class::Any,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(ANY),
        needs: &["url or url_file"],
        takes: &["method", "headers", "body", "secret_file", "token_file", "username", "password_file"],
    },
    Facts {
        kind: "slack",
        service: "Slack",
        class: Class::Chat,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: None,
        needs: &["url_file or url"],
        takes: &[],
    },
    Facts {
        kind: "teams",
        service: "Microsoft Teams",
        class: Class::Chat,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: None,
        needs: &["url_file or url"],
        takes: &[],
    },
    Facts {
        kind: "mattermost",
        service: "Mattermost",
        class: Class::Chat,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: None,
        needs: &["url_file or url"],
        takes: &["channel"],
    },
    Facts {
        kind: "discord",
        service: "Discord",
        class: Class::Chat,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: None,
        needs: &["url_file or url"],
        takes: &[],
    },
    Facts {
        kind: "ntfy",
        service: "ntfy",
        class: Class::Chat,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(Scale { of: ["5", "4", "3", "2"], words: &["1", "2", "3", "4", "5"] }),
        needs: &["topic"],
        takes: &["url", "token_file", "username", "password_file"],
    },
    Facts {
        kind: "gotify",
        service: "Gotify",
        class: Class::Chat,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: Some(Scale {
            of: ["10", "8", "5", "2"],
            words: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
        }),
        needs: &["url", "token_file"],
        takes: &[],
    },
    Facts {
        kind: "sms",
        service: "text messages by a gateway",
        class: Class::TextMessage,
        acknowledges: true,
        resolves: true,
        updates: false,
        scale: None,
        needs: &["url or url_file", "body"],
        takes: &[
            "to",
            "segments",
            "method",
            "headers",
            "token_file",
            "username",
            "password_file",
            "secret_file",
        ],
    },
    Facts {
        kind: "smtp",
        service: "mail (SMTP)",
        class: Class::Mail,
        acknowledges: true,
        resolves: true,
        updates: true,
        scale: None,
        needs: &["server", "from"],
        takes: &["to", "tls", "username", "password_file", "ca_file", "voicemail", "attach_limit"],
    },
];
