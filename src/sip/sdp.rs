//! Session descriptions (RFC 8866) as far as an audio endpoint needs them: o=, c=, m= and a=. Everything
//! else is passed over, as RFC 8866 5 allows for what is not understood.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

/// The media type of a session description.
pub const MEDIA_TYPE: &str = "application/sdp";
/// Media descriptions in a session description.
pub const MAX_MEDIA: usize = 64;
/// Attributes in one media description, and at session level.
pub const MAX_ATTRIBUTES: usize = 256;
/// Formats in one media description.
pub const MAX_FORMATS: usize = 32;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// o= (RFC 8866 5.2), where it follows its grammar.
    pub origin: Option<Origin>,
    /// c= at session level (5.7).
    pub connection: Option<Connection>,
    /// a= at session level (5.13).
    pub attributes: Vec<Attribute>,
    /// m= with what belongs to it (5.14), in their order.
    pub media: Vec<Media>,
}

/// o= (RFC 8866 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `sess-id`, as it came: peers put more than 64 bits there.
    pub id: String,
    /// `sess-version`, as it came.
    pub version: String,
}

/// The address of c= (RFC 8866 5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// An address.
    Address(IpAddr),
    /// A domain name: we look none up.
    Name(String),
}

/// a= (RFC 8866 5.13). Keys are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: String,
    /// What stands behind the colon.
    pub value: Option<String>,
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().filter(|_| !self.carries_keys());
        f.debug_struct("Attribute").field("name", &self.name).field("value", &value).finish_non_exhaustive()
    }
}

impl Attribute {
    /// a=crypto (RFC 4568) and a=key-mgmt (RFC 4567), however they are spelled.
    fn carries_keys(&self) -> bool {
        ["crypto", "key-mgmt"].iter().any(|name| self.name.trim().eq_ignore_ascii_case(name))
    }
}

/// m= with what belongs to it (RFC 8866 5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image`, ...
    pub kind: String,
    /// The port; 0 refuses the stream (RFC 3264 6).
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, ...
    pub protocol: String,
    /// Payload types or other formats, as they came.
    pub formats: Vec<String>,
    /// c= of this stream.
    pub connection: Option<Connection>,
    /// a= of this stream.
    pub attributes: Vec<Attribute>,
}

/// A text that is no session description, or one beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It does not begin with `v=0`.
    #[error("no v=0")]
    Version,
    /// A line that is needed does not follow its grammar.
    #[error("bad {0}= line")]
    Line(char),
    /// More than [`MAX_MEDIA`], [`MAX_ATTRIBUTES`] or [`MAX_FORMATS`].
    #[error("beyond the limits")]
    Limit,
}

impl Description {
    /// Reads a session description. Lines end with CRLF or LF.
    ///
    /// # Errors
    /// A line that is needed cannot be read.
    pub fn parse(text: &[u8]) -> Result<Description, SdpError> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.split(['\r', '\n']).filter(|line| !line.trim().is_empty());
        if lines.next().map(str::trim_end) != Some("v=0") {
            return Err(SdpError::Version);
        }
        let mut description =
            Description { origin: None, connection: None, attributes: Vec::new(), media: Vec::new() };
        for line in lines {
            description.take(line)?;
        }
        Ok(description)
    }

    fn take(&mut self, line: &str) -> Result<(), SdpError> {
        let Some((kind, value)) = line.split_once('=') else { return Err(SdpError::Line('?')) };
        let value = value.trim_end();
        match kind {
            "o" => self.origin = origin(value),
            "c" => {
                let connection = Some(connection(value).ok_or(SdpError::Line('c'))?);
                match self.media.last_mut() {
                    Some(media) => media.connection = connection,
                    None => self.connection = connection,
                }
            }
            "m" => {
                let media = media(value)?;
                limited(&mut self.media, media, MAX_MEDIA)?;
            }
            "a" => {
                let list = self.media.last_mut().map_or(&mut self.attributes, |media| &mut media.attributes);
                limited(list, attribute(value), MAX_ATTRIBUTES)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Media {
    /// The value of the first attribute of that name: `Some(None)` for a bare name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Option<&str>> {
        find(&self.attributes, name)
    }
}

/// The value of the first attribute of that name in a list.
pub(crate) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<Option<&'a str>> {
    attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_deref())
}

fn limited<T>(list: &mut Vec<T>, item: T, limit: usize) -> Result<(), SdpError> {
    if list.len() >= limit {
        return Err(SdpError::Limit);
    }
    list.push(item);
    Ok(())
}

/// `username sess-id sess-version nettype addrtype address`.
fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_ascii_whitespace().skip(1);
    Some(Origin { id: words.next()?.to_owned(), version: words.next()?.to_owned() })
}

/// `IN IP4 192.0.2.1`, with a TTL or count behind a slash let through.
fn connection(value: &str) -> Option<Connection> {
    let mut words = value.split_ascii_whitespace();
    if words.next()? != "IN" || !matches!(words.next()?, "IP4" | "IP6") {
        return None;
    }
    let address = words.next()?.split('/').next()?;
    Some(address.parse().map_or_else(|_| Connection::Name(address.to_owned()), Connection::Address))
}

/// `audio 49170/2 RTP/AVP 0 8`.
fn media(value: &str) -> Result<Media, SdpError> {
    let bad = SdpError::Line('m');
    let mut words = value.split_ascii_whitespace();
    let kind = words.next().ok_or(bad)?.to_ascii_lowercase();
    let port = words.next().and_then(|port| port.split('/').next()?.parse().ok()).ok_or(bad)?;
    let protocol = words.next().ok_or(bad)?.to_owned();
    let mut formats = Vec::new();
    for format in words {
        limited(&mut formats, format.to_owned(), MAX_FORMATS)?;
    }
    if formats.is_empty() {
        return Err(bad);
    }
    Ok(Media { kind, port, protocol, formats, connection: None, attributes: Vec::new() })
}

fn attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => Attribute { name: name.to_owned(), value: Some(value.trim().to_owned()) },
        None => Attribute { name: value.to_owned(), value: None },
    }
}

/// A session description of ours: one address for all streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local {
    /// `sess-id`.
    pub(crate) id: u64,
    /// `sess-version`.
    pub(crate) version: u64,
    /// o= and c=.
    pub(crate) address: IpAddr,
    /// The streams.
    pub(crate) media: Vec<Media>,
}

impl Local {
    pub(crate) fn to_text(&self) -> String {
        let family = if self.address.is_ipv4() { "IP4" } else { "IP6" };
        let mut text = format!(
            "v=0\r\no=- {} {} IN {family} {}\r\ns=-\r\nc=IN {family} {}\r\nt=0 0\r\n",
            self.id, self.version, self.address, self.address
        );
        for media in &self.media {
            media.write(&mut text);
        }
        text
    }
}

impl Media {
    /// Writing to a `String` cannot fail, so the results are of no interest.
    fn write(&self, text: &mut String) {
        let _ =
            write!(text, "m={} {} {} {}\r\n", self.kind, self.port, self.protocol, self.formats.join(" "));
        for attribute in &self.attributes {
            let _ = match &attribute.value {
                Some(value) => write!(text, "a={}:{value}\r\n", attribute.name),
                None => write!(text, "a={}\r\n", attribute.name),
            };
        }
    }
}
