//! The files of another service's export, read from the disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::import::Export;

/// The longest file, in bytes.
const LONGEST: u64 = 64 << 20;
/// The most files.
const MOST_FILES: usize = 100_000;
/// How deep folders are looked into.
const DEEPEST: usize = 4;

/// One file, or all files with this ending in a folder and those below it, in the order of their names.
pub fn read(path: &Path, ending: &str) -> Result<Vec<Export>, Failure> {
    if !path.is_dir() {
        let name = path.file_name().unwrap_or(path.as_os_str());
        return Ok(vec![Export { path: name.to_string_lossy().into_owned(), text: text(path)? }]);
    }
    let mut files = Vec::new();
    collect(path, ending, 0, &mut files).map_err(|error| unreadable(path, &error))?;
    files.sort();
    if files.is_empty() {
        return Err(Failure::Failed(format!("there is no {ending} file in {}", path.display())));
    }
    files.iter().map(|file| Ok(Export { path: below(path, file), text: text(file)? })).collect()
}

/// The path of a file below a folder, with `/` between the parts.
fn below(folder: &Path, file: &Path) -> String {
    let parts = file.strip_prefix(folder).unwrap_or(file).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn collect(folder: &Path, ending: &str, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && depth < DEEPEST {
            collect(&path, ending, depth + 1, files)?;
        } else if path.extension().is_some_and(|found| found == ending) && files.len() < MOST_FILES {
            files.push(path);
        }
    }
    Ok(())
}

/// The text of a file; a byte order mark is taken off, and what is not UTF-8 is shown as such.
pub fn text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::Failed(format!("{} is longer than {} MiB", path.display(), LONGEST >> 20)));
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot read {}: {error}", path.display()))
}
