//! Other formats than WAV, by a program of the operator's: WAV on its standard input, the other format on its standard
//! output.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::switch::child::{finish, last_line, memory};

/// How long a program may take for one recording.
const DEADLINE: Duration = Duration::from_secs(120);
/// The largest file it may write, in octets.
const MOST: u64 = 256 << 20;

/// Lets a program make another format of a WAV file. The error says why it did not.
pub fn convert(command: &[String], wav: File, to: File) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("no program is named")?;
    let failed = |why: String| format!("{program}: {why}");
    let errors = memory("errors", "").map_err(|error| failed(error.to_string()))?;
    let mut running = Command::new(program);
    running.args(arguments).stdin(wav).stdout(to).process_group(0);
    running.stderr(errors.try_clone().map_or_else(|_| Stdio::null(), Stdio::from));
    let child = running.spawn().map_err(|error| failed(error.to_string()))?;
    match finish(child, DEADLINE, MOST) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(failed(format!("it ended with {status}{}", last_line(errors)))),
        Ok(None) => Err(failed(format!("it was not done after {} s", DEADLINE.as_secs()))),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek, Write};

    use super::*;
    use crate::store::scratch::Scratch;

    fn converted(command: &[&str]) -> Result<String, String> {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path()).unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        let mut wav = File::options().create(true).read(true).write(true).truncate(true).open(&from).unwrap();
        wav.write_all(b"sound").unwrap();
        wav.rewind().unwrap();
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        convert(&command, wav, File::create(&to).unwrap())?;
        Ok(fs::read_to_string(to).unwrap())
    }

    #[test]
    fn a_program_gets_the_sound_and_what_it_writes_is_the_file() {
        assert_eq!(converted(&["tr", "a-z", "A-Z"]), Ok("SOUND".to_owned()));
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let failed = converted(&["sh", "-c", "echo no such codec >&2; exit 3"]).unwrap_err();
        assert_eq!(failed, "sh: it ended with exit status: 3: no such codec");
        assert!(converted(&["no-such-program"]).unwrap_err().starts_with("no-such-program: "));
        assert!(converted(&[]).is_err());
    }
}
