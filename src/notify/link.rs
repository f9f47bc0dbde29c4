//! Where a person reads more of an incident: an address of the operator's own, with the call or the incident in it.

use toml::Spanned;

use crate::incident::Notice;
use crate::problem::Problem;

/// An address with `{call}` and `{incident}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// Checks what is written; nothing where it is at fault.
    pub fn compile(written: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = written.get_ref();
        let bare = text.replace("{call}", "").replace("{incident}", "");
        let fault = if !(text.starts_with("https://") || text.starts_with("http://")) {
            Some(("the link is no address", "write it whole, as in \"https://HOST/calls/{call}\""))
        } else if bare.contains(['{', '}']) {
            Some(("the link has a name in it that is not known", "known are {call} and {incident}"))
        } else if bare.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Some(("the link has a blank in it", "write %20 for a blank"))
        } else {
            None
        };
        if let Some((message, help)) = fault {
            problems.push(Problem::error(written.span(), message).help(help));
            return None;
        }
        Some(Self(text.clone()))
    }

    /// The address for a notice; nothing where it is of no call or no incident and the address needs one.
    pub fn of(&self, notice: &Notice) -> Option<String> {
        let mut text = self.0.clone();
        for (name, value) in [("{call}", &notice.call), ("{incident}", &notice.incident)] {
            if text.contains(name) {
                text = text.replace(name, value.as_deref()?);
            }
        }
        Some(text)
    }
}
