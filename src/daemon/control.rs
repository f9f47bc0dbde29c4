//! The control socket: how a command reaches the running daemon. One JSON line there, one back.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::daemon::changes::{Change, Changed};
use crate::daemon::incidents::{Done, IncidentChange};
use crate::daemon::retention::{Erased, Removal};
use crate::daemon::verify::Verified;
use crate::store::Health;
use crate::switch::media::Priority;
use crate::switch::report::TrunkReport;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

/// The longest command line.
const LIMIT: u64 = 4 << 20;
/// How long the socket is left alone when it cannot be served, as when the process has no file left.
const AFTER_AN_ERROR: Duration = Duration::from_secs(1);
/// How long a command waits for the daemon.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for one that calls somebody.
const CALL_PATIENCE: Duration = Duration::from_secs(300);

/// What a command asks of the daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Take an on-call file into the database.
    Apply {
        /// Its path, for messages.
        path: PathBuf,
        /// What it says.
        text: String,
        /// Only tell what would change.
        dry_run: bool,
    },
    /// Change who is on call.
    Change(Change),
    /// Change incidents, quiet times or the outbox.
    Incident(IncidentChange),
    /// Call a phone and have it confirmed.
    Verify {
        /// Whose.
        person: String,
        /// Which; left out: the first that is not confirmed.
        phone: Option<String>,
    },
    /// Remove a message, or what tells of a caller.
    Remove(Removal),
    /// How the trunks stand.
    Trunks {
        /// Ask their servers first whether they are there.
        ping: bool,
    },
    /// Whether the database takes entries.
    Storage,
    /// Move a damaged database out of the way, and go on with a new one.
    SetAside,
}

/// What the daemon answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done; lines for a person.
    Done(Vec<String>),
    /// What became of a change.
    Changed(Changed),
    /// What became of a change of incidents, quiet times or the outbox.
    Incident(Done),
    /// What became of a call to a phone.
    Verified(Verified),
    /// What was removed.
    Removed(Erased),
    /// How the trunks stand, and where SIP is listened for.
    Trunks {
        /// `udp:ADDRESS:PORT`
        listening: Vec<String>,
        /// The priority of audio.
        audio: Priority,
        /// The trunks.
        trunks: Vec<TrunkReport>,
    },
    /// Whether the database takes entries.
    Storage(Health),
    /// Not done, and why.
    Failed(String),
}

/// A command that waits for its reply.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// Where the reply goes.
    pub reply: oneshot::Sender<Reply>,
}

fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Listens for commands. Whoever may write into the data directory may command.
pub fn listen(data_dir: &Path) -> io::Result<mpsc::Receiver<Asked>> {
    let path = socket(data_dir);
    // The lock of the data directory is ours: a socket that is there was left by a dead daemon.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let (commands, asked) = mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                () = commands.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => { tokio::spawn(answer(stream, commands.clone())); }
                    Err(error) => {
                        tracing::warn!(%error, "the control socket takes no commands for a moment");
                        tokio::time::sleep(AFTER_AN_ERROR).await;
                    }
                },
            }
        }
    });
    Ok(asked)
}

async fn answer(stream: tokio::net::UnixStream, commands: mpsc::Sender<Asked>) {
    if let Err(error) = serve(stream, commands).await {
        tracing::warn!(%error, "a command on the control socket was not answered");
    }
}

async fn serve(stream: tokio::net::UnixStream, commands: mpsc::Sender<Asked>) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reading.take(LIMIT));
    if tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await?? == 0 {
        // Somebody only wanted to know whether there is a daemon.
        return Ok(());
    }
    let (reply, answered) = oneshot::channel();
    let answer = match serde_json::from_str(&line) {
        Ok(command) => match commands.send(Asked { command, reply }).await {
            Ok(()) => answered.await.unwrap_or_else(|_| Reply::Failed("the daemon is stopping".to_owned())),
            Err(_) => Reply::Failed("the daemon is stopping".to_owned()),
        },
        Err(error) => Reply::Failed(format!("the command was not understood: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    writing.write_all(&line).await
}

/// Whether a daemon is running on this data directory.
pub fn is_running(data_dir: &Path) -> bool {
    UnixStream::connect(socket(data_dir)).is_ok()
}

/// Asks the running daemon. `Ok(None)`: no daemon is running on this data directory.
pub fn ask(data_dir: &Path, command: &Command) -> io::Result<Option<Reply>> {
    let mut stream = match UnixStream::connect(socket(data_dir)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let patience = match command {
        Command::Verify { .. } => CALL_PATIENCE,
        _ => PATIENCE,
    };
    stream.set_read_timeout(Some(patience))?;
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::other("the daemon is there, but does not answer: see its log")
        }
        _ => error,
    })?;
    serde_json::from_str(&answer).map(Some).map_err(io::Error::other)
}
