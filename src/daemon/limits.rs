//! What the system lets the process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files may be open at once, as far as the daemon may raise it; nothing: any number.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the number of files that may be open to what is allowed: each leg has two sockets, and the usual
/// limit of 1024 ends at some 250 bridged calls.
pub fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "the limit of open files cannot be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_system_allows() {
        raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current, open_files());
    }
}
