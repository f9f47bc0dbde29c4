//! What one connection carries, with its deadlines.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::flood::{BURST, RATE};
use crate::sip::{Framed, Hop, Malformed, Peer, Stream, TokenBucket};

/// Messages that wait to be written; when one more comes, the other side has not read for too long.
pub(super) const QUEUE: usize = 128;
/// How long a new connection may take to its first message, and a message from its first octet to its last.
const MESSAGE: Duration = Duration::from_secs(10);
/// How long a message may take to be written.
const WRITE: Duration = Duration::from_secs(5);
/// Silence after which a connection that we opened is kept alive (RFC 5626 4.4.1).
const SILENCE: Duration = Duration::from_secs(60);
/// How long the answer to a ping may take (RFC 5626 4.4.1).
const PONG: Duration = Duration::from_secs(10);
/// How long the answer to what ended a stream gets to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Octets read at once.
const READ: usize = 16 * 1024;

/// What connections tell.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A connection was accepted: messages can be sent over it.
    Accepted(Accepted),
    /// A message came.
    Message(Peer, Vec<u8>),
    /// A stream has ended with something that cannot be read.
    Malformed(Peer, Malformed),
    /// A connection is closed.
    Closed {
        /// Which.
        id: ConnectionId,
        /// Why.
        why: Ended,
    },
}

/// A connection that somebody opened to us.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) id: ConnectionId,
    pub(super) peer: Peer,
    pub(super) queue: mpsc::Sender<Vec<u8>>,
    pub(super) pulse: Arc<Pulse>,
}

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ConnectionId(u64);

impl ConnectionId {
    /// One that no other connection has.
    pub(super) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Why a connection has ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// It could not be opened.
    #[error("{0}")]
    NotOpened(String),
    /// The other side has closed it.
    #[error("the other side closed it")]
    Closed,
    /// Nobody needs it.
    #[error("it was no longer needed")]
    Unneeded,
    /// A message took too long to come.
    #[error("no whole message came in {} s", MESSAGE.as_secs())]
    TooSlow,
    /// It could not be written to in time.
    #[error("the other side does not read")]
    NotRead,
    /// Pings were answered before, and no longer are.
    #[error("a ping was not answered")]
    NoPong,
    /// What came was not SIP, or too much.
    #[error("what came cannot be read: {0}")]
    Malformed(crate::sip::message::Fault),
    /// The system says so.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// When a connection was last of use.
#[derive(Debug)]
pub(super) struct Pulse {
    begun: Instant,
    /// In ms since the beginning.
    heard: AtomicU64,
    said: AtomicU64,
    /// When a line end was heard: the answer to a ping, if there was one.
    line_end: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let never = || AtomicU64::new(0);
        Self { begun: Instant::now(), heard: never(), said: never(), line_end: never() }
    }

    /// When something was last heard, or a message sent.
    pub(super) fn last(&self) -> Instant {
        self.at(self.heard.load(Ordering::Relaxed).max(self.said.load(Ordering::Relaxed)))
    }

    /// Whether anything was heard since a moment that [`Self::now`] told.
    fn has_heard_since(&self, then: u64) -> bool {
        self.heard.load(Ordering::Relaxed) >= then
    }

    fn has_answered_since(&self, then: u64) -> bool {
        self.line_end.load(Ordering::Relaxed) >= then
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, ms: u64) -> Instant {
        self.begun.checked_add(Duration::from_millis(ms)).unwrap_or(self.begun)
    }

    fn note(&self, which: &AtomicU64) {
        which.store(self.now(), Ordering::Relaxed);
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Link {
    /// The other end.
    pub(super) peer: Peer,
    /// Where what comes goes.
    pub(super) arrivals: mpsc::Sender<Arrival>,
    /// When it was last of use.
    pub(super) pulse: Arc<Pulse>,
    /// We have opened it, so that it is ours to keep alive.
    pub(super) is_ours: bool,
}

impl Link {
    pub(super) fn hop(&self) -> Hop {
        self.peer.hop()
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.peer.addr
    }

    /// Carries messages both ways until either side has had enough.
    pub(super) async fn carry<S>(&self, stream: S, queue: &mut mpsc::Receiver<Vec<u8>>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Send,
    {
        let (reader, writer) = tokio::io::split(stream);
        let (line_ends_to, line_ends) = mpsc::channel(4);
        tokio::select! {
            ended = self.read(reader, line_ends_to.clone()) => ended,
            ended = self.write(writer, queue, line_ends) => ended,
            ended = self.keep_alive(line_ends_to), if self.is_ours => ended,
        }
    }

    async fn read<S: AsyncRead>(&self, mut from: ReadHalf<S>, pongs: mpsc::Sender<LineEnds>) -> Ended {
        let (mut stream, mut buffer) = (Stream::new(), vec![0; READ]);
        let mut bucket = TokenBucket::new(Instant::now().into_std(), BURST);
        // Who connects to us has something to say.
        let mut due = (!self.is_ours).then(|| Instant::now() + MESSAGE);
        loop {
            let read = from.read(&mut buffer);
            let length = match due {
                Some(due) => match timeout_at(due, read).await {
                    Ok(length) => length,
                    Err(_) => return Ended::TooSlow,
                },
                None => read.await,
            };
            let length = match length {
                Ok(0) => return Ended::Closed,
                Ok(length) => length,
                Err(error) => return error.into(),
            };
            self.pulse.note(&self.pulse.heard);
            stream.push(buffer.get(..length).unwrap_or_default());
            loop {
                match stream.next_whole() {
                    Ok(Some(Framed::Message(message))) => {
                        due = None;
                        self.slow_down(&mut bucket).await;
                        if self.arrivals.send(Arrival::Message(self.peer, message)).await.is_err() {
                            return Ended::Unneeded;
                        }
                    }
                    Ok(Some(Framed::LineEnd)) => {
                        due = None;
                        self.pulse.note(&self.pulse.line_end);
                    }
                    // Whoever asks without reading is answered as far as there is room.
                    Ok(Some(Framed::Ping)) => drop(pongs.try_send(LineEnds::Pong)),
                    Ok(None) => break,
                    Err(malformed) => return self.malformed(malformed).await,
                }
            }
            if !stream.is_within_message() {
                due = None;
            } else if due.is_none() {
                due = Some(Instant::now() + MESSAGE);
            }
        }
    }

    /// A stream need not be dropped from: it is read later.
    async fn slow_down(&self, bucket: &mut TokenBucket) {
        while !bucket.take(Instant::now().into_std(), RATE, BURST) {
            sleep(bucket.wait(RATE)).await;
        }
    }

    /// What cannot be read is answered where it can be, and then nothing more comes of the stream.
    async fn malformed(&self, malformed: Malformed) -> Ended {
        let fault = malformed.fault;
        if self.arrivals.send(Arrival::Malformed(self.peer, malformed)).await.is_ok() {
            sleep(LAST_WORDS).await;
        }
        Ended::Malformed(fault)
    }

    async fn write<S: AsyncWrite>(
        &self,
        mut to: WriteHalf<S>,
        queue: &mut mpsc::Receiver<Vec<u8>>,
        mut line_ends: mpsc::Receiver<LineEnds>,
    ) -> Ended {
        loop {
            let written = tokio::select! {
                message = queue.recv() => match message {
                    Some(message) => {
                        let written = write_whole(&mut to, &message).await;
                        self.pulse.note(&self.pulse.said);
                        written
                    }
                    None => {
                        // A TLS session ends with a word of its own.
                        let _ = timeout(WRITE, to.shutdown()).await;
                        return Ended::Unneeded;
                    }
                },
                Some(line_ends) = line_ends.recv() => write_whole(&mut to, line_ends.octets()).await,
            };
            if let Err(ended) = written {
                return ended;
            }
        }
    }

    /// Sends a ping after each silence. Who has ever answered one has to go on answering.
    async fn keep_alive(&self, pings: mpsc::Sender<LineEnds>) -> Ended {
        let mut has_answered = false;
        loop {
            let silent_since = self.pulse.last();
            let due = silent_since + SILENCE;
            if Instant::now() < due {
                sleep_until(due).await;
                continue;
            }
            let asked = self.pulse.now();
            let _ = pings.try_send(LineEnds::Ping);
            sleep(PONG).await;
            if self.pulse.has_heard_since(asked) {
                // A message that happens to come says nothing of whether pings are answered.
                has_answered |= self.pulse.has_answered_since(asked);
            } else if has_answered {
                return Ended::NoPong;
            } else {
                sleep(SILENCE).await;
            }
        }
    }
}

/// What is written between messages (RFC 5626 4.4.1).
#[derive(Debug, Clone, Copy)]
enum LineEnds {
    Ping,
    Pong,
}

impl LineEnds {
    fn octets(self) -> &'static [u8] {
        match self {
            LineEnds::Ping => b"\r\n\r\n",
            LineEnds::Pong => b"\r\n",
        }
    }
}

async fn write_whole<S: AsyncWrite>(to: &mut WriteHalf<S>, octets: &[u8]) -> Result<(), Ended> {
    let write = async {
        to.write_all(octets).await?;
        to.flush().await
    };
    match timeout(WRITE, write).await {
        Ok(written) => written.map_err(Ended::Io),
        Err(_) => Err(Ended::NotRead),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::sip::Transport;

    const MESSAGE_TEXT: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    /// One end of a connection that carries, and the other end.
    struct Ends {
        far: DuplexStream,
        queue: mpsc::Sender<Vec<u8>>,
        arrivals: mpsc::Receiver<Arrival>,
        task: JoinHandle<Ended>,
    }

    fn carrying(is_ours: bool) -> Ends {
        let (near, far) = duplex(1024);
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let (arrivals_to, arrivals) = mpsc::channel(16);
        let peer = Peer { trunk: 0, transport: Transport::Tcp, addr: ([192, 0, 2, 1], 5060).into() };
        let link = Link { peer, arrivals: arrivals_to, pulse: Arc::new(Pulse::new()), is_ours };
        let task = tokio::spawn(async move { link.carry(near, &mut waiting).await });
        Ends { far, queue, arrivals, task }
    }

    async fn hears(ends: &mut Ends) -> Vec<u8> {
        let mut octets = vec![0; 64];
        let length = ends.far.read(&mut octets).await.unwrap();
        octets.truncate(length);
        octets
    }

    #[tokio::test(start_paused = true)]
    async fn who_connects_and_says_nothing_is_closed_after_ten_seconds() {
        let begun = Instant::now();
        let ended = carrying(false).task.await.unwrap();
        assert!(matches!(ended, Ended::TooSlow), "{ended}");
        assert_eq!(begun.elapsed(), MESSAGE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_said_something_may_be_silent() {
        let mut ends = carrying(false);
        ends.far.write_all(MESSAGE_TEXT).await.unwrap();
        assert!(matches!(ends.arrivals.recv().await, Some(Arrival::Message(..))));
        sleep(Duration::from_secs(100)).await;
        assert!(!ends.task.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_is_waited_for_ten_seconds() {
        let mut ends = carrying(true);
        let begun = Instant::now();
        for octet in &MESSAGE_TEXT[..20] {
            if ends.far.write_all(&[*octet]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        let ended = ends.task.await.unwrap();
        assert!(matches!(ended, Ended::TooSlow), "{ended}");
        // The next octet finds it closed.
        assert!(begun.elapsed() <= MESSAGE + Duration::from_secs(1), "however steadily it drips");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_closed_five_seconds_after_its_buffer_is_full() {
        let ends = carrying(true);
        ends.queue.send(vec![b'x'; 4096]).await.unwrap();
        let begun = Instant::now();
        let ended = ends.task.await.unwrap();
        assert!(matches!(ended, Ended::NotRead), "{ended}");
        assert_eq!(begun.elapsed(), WRITE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_of_ours_is_pinged_and_closed_once_answers_stop() {
        let mut ends = carrying(true);
        let begun = Instant::now();
        assert_eq!(hears(&mut ends).await, b"\r\n\r\n");
        assert_eq!(begun.elapsed(), SILENCE);
        ends.far.write_all(b"\r\n").await.unwrap();
        assert_eq!(hears(&mut ends).await, b"\r\n\r\n");
        let asked = Instant::now();
        let ended = ends.task.await.unwrap();
        assert!(matches!(ended, Ended::NoPong), "{ended}");
        assert_eq!(asked.elapsed(), PONG);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_never_answered_a_ping_may_go_on_so() {
        let mut ends = carrying(true);
        for _ in 0..5 {
            assert_eq!(hears(&mut ends).await, b"\r\n\r\n");
        }
        assert!(!ends.task.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_happens_to_follow_a_ping_is_no_answer_to_it() {
        let mut ends = carrying(true);
        assert_eq!(hears(&mut ends).await, b"\r\n\r\n");
        ends.far.write_all(MESSAGE_TEXT).await.unwrap();
        for _ in 0..3 {
            assert_eq!(hears(&mut ends).await, b"\r\n\r\n");
        }
        assert!(!ends.task.is_finished(), "it has never answered a ping");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_answered_and_what_is_queued_is_written_before_the_end() {
        let mut ends = carrying(false);
        ends.far.write_all(b"\r\n\r\n").await.unwrap();
        assert_eq!(hears(&mut ends).await, b"\r\n");
        ends.queue.send(b"last".to_vec()).await.unwrap();
        drop(ends.queue);
        let mut rest = Vec::new();
        ends.far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"last");
        assert!(matches!(ends.task.await.unwrap(), Ended::Unneeded));
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_faster_than_its_share_is_read_slower_and_loses_nothing() {
        let mut ends = carrying(false);
        let count = BURST + RATE;
        let (mut far, begun) = (ends.far, Instant::now());
        tokio::spawn(async move {
            for _ in 0..count {
                far.write_all(MESSAGE_TEXT).await.unwrap();
            }
            // It stays open.
            sleep(Duration::from_secs(3600)).await;
        });
        for _ in 0..count {
            assert!(matches!(ends.arrivals.recv().await, Some(Arrival::Message(..))));
        }
        assert!(begun.elapsed() >= Duration::from_millis(999), "what is past the burst takes a second");
    }
}
