//! Where a calendar is to be had.

use std::path::{Path, PathBuf};

use crate::oncall::calendar_label;

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

    /// What may be shown of it.
    pub fn label(source: &str) -> String {
        calendar_label(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_for_beside_the_file_that_names_it() {
        let folder = Path::new("/etc/nightbell");
        assert_eq!(Place::of("a.ics", folder), Place::File(PathBuf::from("/etc/nightbell/a.ics")));
        assert_eq!(Place::of("/srv/a.ics", folder), Place::File(PathBuf::from("/srv/a.ics")));
    }
}
