//! Messages in a stream of octets (RFC 3261 18.3): where one ends and the next begins.
//!
//! How the octets were split on their way makes no difference. Every octet is looked at once while a
//! message is awaited, however small the pieces are that it comes in.

use super::message::{Fault, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, Malformed, body_length, cut_off};

/// Lines of a head: the fields, as many continuation lines, and the start line.
const MAX_LINES: usize = 2 * MAX_HEADERS + 1;

/// Something whole in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A message, exactly as long as its Content-Length says.
    Message(Vec<u8>),
    /// A line end between messages: what answers a ping (RFC 5626 4.4.1), or the first half of one.
    LineEnd,
    /// The second of two line ends: the other side wants one back (RFC 5626 4.4.1).
    Ping,
}

/// What has come of a stream and is not yet whole.
///
/// After an error the stream is of no use: nobody can tell where the next message begins.
#[derive(Debug, Default)]
pub struct Stream {
    octets: Vec<u8>,
    /// Where the message that is awaited begins.
    begin: usize,
    /// Up to here its head has been looked at.
    seen: usize,
    /// Where the line begins that is being looked at.
    line: usize,
    /// Lines of the head so far.
    lines: usize,
    /// Where the message ends, once its head is whole.
    end: Option<usize>,
    /// The last octets were one line end.
    after_line_end: bool,
}

impl Stream {
    /// A stream of which nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// More octets have come.
    pub fn push(&mut self, octets: &[u8]) {
        // What is left of the last piece moves to the front, once for each piece that ended a message.
        if self.begin > 0 {
            self.octets.drain(..self.begin);
            self.seen = self.seen.saturating_sub(self.begin);
            self.line = self.line.saturating_sub(self.begin);
            self.end = self.end.map(|end| end.saturating_sub(self.begin));
            self.begin = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// A message has begun and is not yet whole.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.begin < self.octets.len()
    }

    /// The next that is whole; nothing until more has come.
    ///
    /// # Errors
    /// [`Malformed`]: a limit is passed, or Content-Length is missing, is no number or contradicts itself.
    /// The connection has to be closed, after the request has been answered if there is one.
    pub fn next_whole(&mut self) -> Result<Option<Framed>, Malformed> {
        if self.begin == self.seen
            && self.end.is_none()
            && let Some(line_end) = self.between_messages()
        {
            return Ok(Some(line_end));
        }
        let end = match self.end {
            Some(end) => end,
            None => match self.head()? {
                Some(head) => self.with_body(head)?,
                None => return Ok(None),
            },
        };
        let Some(message) = self.octets.get(self.begin..end) else { return Ok(None) };
        let message = message.to_vec();
        self.starts_at(end);
        Ok(Some(Framed::Message(message)))
    }

    /// Passes over what stands between messages (RFC 3261 7.5).
    fn between_messages(&mut self) -> Option<Framed> {
        while let Some(octet @ (b'\r' | b'\n')) = self.octets.get(self.begin).copied() {
            self.starts_at(self.begin.saturating_add(1));
            if octet == b'\n' {
                self.after_line_end = !self.after_line_end;
                return Some(if self.after_line_end { Framed::LineEnd } else { Framed::Ping });
            }
        }
        None
    }

    /// The end of the head, its empty line included, once that has come.
    fn head(&mut self) -> Result<Option<usize>, Malformed> {
        let unseen = self.octets.get(self.seen..).unwrap_or_default();
        for (at, _) in unseen.iter().enumerate().filter(|(_, octet)| **octet == b'\n') {
            let end = self.seen.saturating_add(at);
            let line = self.octets.get(self.line..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let next = end.saturating_add(1);
            if self.is_too_large(next) {
                return self.fault(Fault::TooLarge);
            }
            if line.is_empty() {
                return Ok(Some(next));
            }
            if line.len() > MAX_LINE {
                return self.fault(Fault::LineTooLong);
            }
            self.lines = self.lines.saturating_add(1);
            if self.lines > MAX_LINES {
                return self.fault(Fault::TooManyHeaders);
            }
            self.line = next;
        }
        self.seen = self.octets.len();
        if self.is_too_large(self.seen) {
            return self.fault(Fault::TooLarge);
        }
        // The CR of its end may have come.
        if self.seen.saturating_sub(self.line) > MAX_LINE.saturating_add(1) {
            return self.fault(Fault::LineTooLong);
        }
        Ok(None)
    }

    /// The end of the message whose head ends here.
    fn with_body(&mut self, head_end: usize) -> Result<usize, Malformed> {
        let head = self.octets.get(self.begin..head_end).unwrap_or_default();
        let end = head_end.saturating_add(body_length(head)?);
        if self.is_too_large(end) {
            return Err(cut_off(head, Fault::TooLarge));
        }
        self.end = Some(end);
        Ok(end)
    }

    fn is_too_large(&self, end: usize) -> bool {
        end.saturating_sub(self.begin) > MAX_MESSAGE
    }

    fn fault<T>(&self, fault: Fault) -> Result<T, Malformed> {
        Err(cut_off(self.octets.get(self.begin..).unwrap_or_default(), fault))
    }

    fn starts_at(&mut self, begin: usize) {
        // A message ends a row of line ends.
        self.after_line_end &= self.end.is_none();
        (self.begin, self.seen, self.line, self.lines, self.end) = (begin, begin, begin, 0, None);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                        To: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

    fn message(body: &str) -> String {
        format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// All that is whole in the pieces, and the fault that ended it.
    fn framed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Framed>, Option<Malformed>) {
        let (mut stream, mut all) = (Stream::new(), Vec::new());
        for piece in pieces {
            stream.push(piece);
            loop {
                match stream.next_whole() {
                    Ok(Some(whole)) => all.push(whole),
                    Ok(None) => break,
                    Err(malformed) => return (all, Some(malformed)),
                }
            }
        }
        (all, None)
    }

    fn fault(text: &str) -> Malformed {
        framed([text.as_bytes()]).1.expect("a fault")
    }

    #[test]
    fn several_messages_in_one_piece_come_out_one_by_one() {
        let (first, second) = (message("v=0\r\n"), message(""));
        let (all, fault) = framed([format!("{first}{second}{first}").as_bytes()]);
        let expected = [&first, &second, &first].map(|text| Framed::Message(text.clone().into_bytes()));
        assert_eq!((all, fault), (expected.to_vec(), None));
    }

    #[test]
    fn a_message_in_single_octets_is_the_same_message() {
        let text = message("v=0\r\ns=-\r\n");
        let (all, _) = framed(text.as_bytes().chunks(1));
        assert_eq!(all, [Framed::Message(text.into_bytes())]);
    }

    #[test]
    fn two_line_ends_between_messages_are_a_ping_and_one_is_an_answer() {
        let text = message("");
        let (all, _) = framed([format!("\r\n\r\n{text}\r\n").as_bytes()]);
        let expected = [Framed::LineEnd, Framed::Ping, Framed::Message(text.into_bytes()), Framed::LineEnd];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_message_that_does_not_tell_its_length_ends_the_stream_and_can_be_answered() {
        for length in ["", "Content-Length: -1\r\n", "l: 1\r\nContent-Length: 2\r\n", "Content-Length: x\r\n"]
        {
            let malformed = fault(&format!("{HEAD}{length}\r\n"));
            assert_eq!(malformed.fault, Fault::ContentLength, "{length}");
            assert!(malformed.request.expect("the request").headers.cseq().is_ok());
        }
        let huge = fault(&format!("{HEAD}Content-Length: 4294967295\r\n\r\n"));
        assert_eq!((huge.fault, huge.fault.status()), (Fault::TooLarge, 513));
        let absurd = fault(&format!("{HEAD}Content-Length: 99999999999999999999999\r\n\r\n"));
        assert_eq!(absurd.fault.status(), 400);
    }

    #[test]
    fn lengths_that_agree_are_one() {
        let text = format!("{HEAD}l: 2\r\nContent-Length : 2\r\n\r\nab");
        assert_eq!(framed([text.as_bytes()]).0, [Framed::Message(text.clone().into_bytes())]);
    }

    #[test]
    fn a_head_without_end_is_given_up_at_its_limit() {
        let line = fault(&format!("{HEAD}X: {}", "x".repeat(MAX_LINE)));
        assert_eq!(line.fault, Fault::LineTooLong);
        let lines = fault(&format!("{HEAD}{}", "X: y\r\n".repeat(2 * MAX_HEADERS)));
        assert_eq!(lines.fault, Fault::TooManyHeaders);
        let field = format!("X: {}\r\n", "x".repeat(4096));
        let head = fault(&format!("{HEAD}{}", field.repeat(16)));
        assert_eq!(head.fault, Fault::TooLarge);
    }

    proptest! {
        #[test]
        fn how_it_is_split_makes_no_difference(
            parts in prop::collection::vec(
                prop_oneof![
                    "[a-z\r\n]{0,40}".prop_map(|body| message(&body)),
                    "(\r\n){1,5}".prop_map(|ends| ends),
                    "[ A-Za-z:\r\n]{0,30}".prop_map(|noise| noise),
                ],
                1..6,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let text = parts.concat();
            let octets = text.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &octets[cut[0]..cut[1]]);
            let (split, whole) = (framed(pieces), framed([octets]));
            prop_assert_eq!(split.0, whole.0);
            prop_assert_eq!(split.1.map(|malformed| malformed.fault), whole.1.map(|malformed| malformed.fault));
        }
    }
}
