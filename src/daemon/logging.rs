//! Logs: structured, with the call's id in each line that belongs to a call.
//!
//! A thread of its own writes them. Whoever logs never waits for the reader of standard error: a
//! journal that stalls must not hold up a call.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people and for journald.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Lines that wait for the reader; more are dropped, and their number is told.
const BACKLOG: usize = 8192;
/// Lines that are written at once.
const AT_ONCE: usize = 64;
/// How long the end of the process waits for the last lines to be taken.
const LAST_LINES: Duration = Duration::from_secs(2);

/// What the writing thread is given.
enum Entry {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The running log. The last lines are out when it is dropped.
#[derive(Debug)]
#[must_use = "the last lines are lost without it"]
pub struct Log(SyncSender<Entry>);

impl Drop for Log {
    fn drop(&mut self) {
        let (done, flushed) = sync_channel(1);
        if self.0.try_send(Entry::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(LAST_LINES);
        }
    }
}

/// Makes a writer for each line.
struct Lines {
    to: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// One line, handed over when it is complete.
struct Line {
    bytes: Vec<u8>,
    to: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { bytes: Vec::new(), to: self.to.clone(), dropped: self.dropped.clone() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.to.try_send(Entry::Line(std::mem::take(&mut self.bytes))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes lines until nobody can log any more, in one go those that have come meanwhile.
fn write_out(entries: &Receiver<Entry>, dropped: &AtomicU64, mut out: impl Write) {
    let (mut text, mut waiting) = (Vec::new(), Vec::new());
    while let Ok(first) = entries.recv() {
        for entry in std::iter::once(first).chain(entries.try_iter().take(AT_ONCE)) {
            match entry {
                Entry::Line(mut bytes) => text.append(&mut bytes),
                Entry::Flush(done) => waiting.push(done),
            }
        }
        // A reader that has gone is no reason to stop: calls go on without a log.
        let _ = out.write_all(&text);
        text.clear();
        for done in waiting.drain(..) {
            let _ = done.try_send(());
        }
        let missed = dropped.swap(0, Ordering::Relaxed);
        if missed > 0 {
            let _ = writeln!(out, "{missed} log lines were dropped: the reader of the log was too slow");
        }
    }
}

/// Whether a stream may be coloured: it is a terminal, and NO_COLOR is not set (no-color.org).
pub fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// Starts logging to standard error.
pub fn start(format: LogFormat, level: LevelFilter) -> io::Result<Log> {
    let (to, entries) = sync_channel(BACKLOG);
    let dropped = Arc::new(AtomicU64::new(0));
    let counted = dropped.clone();
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_out(&entries, &counted, io::stderr()))?;
    let writer = Lines { to: to.clone(), dropped };
    let colour = may_colour(&io::stderr());
    // journald stamps lines itself.
    let under_journald = std::env::var_os("JOURNAL_STREAM").is_some();
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false).with_ansi(colour);
    let lines = match (format, under_journald) {
        (LogFormat::Json, _) => lines.json().flatten_event(true).boxed(),
        (LogFormat::Text, true) => lines.without_time().boxed(),
        (LogFormat::Text, false) => lines.boxed(),
    };
    // A second start (in one process, as in tests) keeps the first.
    let _ = tracing_subscriber::registry().with(lines.with_filter(level)).try_init();
    Ok(Log(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_logs_waits_for_no_reader_and_what_was_dropped_is_told() {
        let (to, entries) = sync_channel(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let lines = Lines { to, dropped: dropped.clone() };
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            lines.make_writer().write_all(line.as_bytes()).unwrap();
        }
        drop(lines);
        let mut out = Vec::new();
        write_out(&entries, &dropped, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "one\ntwo\n2 log lines were dropped: the reader of the log was too slow\n");
    }
}
