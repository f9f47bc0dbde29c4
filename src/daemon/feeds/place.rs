//! Where a calendar is to be had.

use std::path::{Path, PathBuf};

/// Where a calendar is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address: `https://...`.
    Web(String),
    /// A file of this machine.
    File(PathBuf),
}

impl Place {
    /// The place of a calendar as it is written; a file is looked for from a folder.
    pub fn of(source: &str, folder: &Path) -> Self {
        let is_web = source.starts_with("https://") || source.starts_with("http://");
        if is_web { Self::Web(source.to_owned()) } else { Self::File(folder.join(source)) }
    }

    /// What may be shown of it. The address of a calendar is a secret in most cases: who knows it can read who is on
    /// call. So only its host is told.
    pub fn label(source: &str) -> String {
        let Some((scheme, rest)) = source.split_once("://") else { return format!("calendar {source}") };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        format!("calendar feed {scheme}://{host}/...")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_address_is_told_but_its_host() {
        for source in [
            "https://u:secret@cal.example/secret.ics",
            "https://cal.example?secret",
            "https://cal.example#secret",
        ] {
            assert_eq!(Place::label(source), "calendar feed https://cal.example/...", "{source}");
        }
        assert_eq!(Place::label("holidays.ics"), "calendar holidays.ics");
    }

    #[test]
    fn a_file_is_looked_for_beside_the_file_that_names_it() {
        let folder = Path::new("/etc/nightbell");
        assert_eq!(Place::of("a.ics", folder), Place::File(PathBuf::from("/etc/nightbell/a.ics")));
        assert_eq!(Place::of("/srv/a.ics", folder), Place::File(PathBuf::from("/srv/a.ics")));
    }
}
