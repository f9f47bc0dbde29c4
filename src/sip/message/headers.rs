//! Header fields in their order, names known by their full and compact forms (RFC 3261 7.3, 20).

use crate::sip::header::{CSeq, NameAddr, Via};
use crate::sip::scan;
use std::net::SocketAddr;

/// A header field whose value does not follow its grammar, or that stands there more often than it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The value does not follow the grammar.
    #[error("{0} is malformed")]
    Malformed(HeaderName),
    /// A header field that may stand once stands there again.
    #[error("{0} stands there more than once")]
    Repeated(HeaderName),
}

macro_rules! names {
    ($($variant:ident $full:literal $compact:literal,)*) => {
        /// The name of a header field; compared without regard to case.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $full, "`.")] $variant,)*
            /// Any other name, in lower case for comparison and as it came.
            Other(OtherName),
        }

        const NAMES: &[(HeaderName, &str, &str)] = &[$((HeaderName::$variant, $full, $compact),)*];

        impl HeaderName {
            /// The full name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(HeaderName::$variant => $full,)*
                    HeaderName::Other(name) => &name.0,
                }
            }
        }
    };
}

names! {
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq" "",
    Contact "Contact" "m",
    Route "Route" "",
    RecordRoute "Record-Route" "",
    MaxForwards "Max-Forwards" "",
    ContentType "Content-Type" "c",
    ContentLength "Content-Length" "l",
    ContentEncoding "Content-Encoding" "e",
    ContentDisposition "Content-Disposition" "",
    Require "Require" "",
    ProxyRequire "Proxy-Require" "",
    Supported "Supported" "k",
    Unsupported "Unsupported" "",
    Allow "Allow" "",
    Accept "Accept" "",
    AcceptEncoding "Accept-Encoding" "",
    AcceptLanguage "Accept-Language" "",
    UserAgent "User-Agent" "",
    Server "Server" "",
    Subject "Subject" "s",
    Event "Event" "o",
    AllowEvents "Allow-Events" "u",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    Reason "Reason" "",
    RetryAfter "Retry-After" "",
    Warning "Warning" "",
    Privacy "Privacy" "",
    PAssertedIdentity "P-Asserted-Identity" "",
    PPreferredIdentity "P-Preferred-Identity" "",
    RemotePartyId "Remote-Party-ID" "",
    PCalledPartyId "P-Called-Party-ID" "",
    Diversion "Diversion" "",
    HistoryInfo "History-Info" "",
    Identity "Identity" "y",
    PAttestationIndicator "P-Attestation-Indicator" "",
    InfoPackage "Info-Package" "",
    RecvInfo "Recv-Info" "",
    SessionExpires "Session-Expires" "x",
    MinSe "Min-SE" "",
    RSeq "RSeq" "",
    RAck "RAck" "",
    Replaces "Replaces" "",
    Timestamp "Timestamp" "",
    WwwAuthenticate "WWW-Authenticate" "",
    ProxyAuthenticate "Proxy-Authenticate" "",
    Authorization "Authorization" "",
    ProxyAuthorization "Proxy-Authorization" "",
    AuthenticationInfo "Authentication-Info" "",
    ProxyAuthenticationInfo "Proxy-Authentication-Info" "",
    Expires "Expires" "",
    MinExpires "Min-Expires" "",
    ServiceRoute "Service-Route" "",
    Path "Path" "",
    PAssociatedUri "P-Associated-URI" "",
}

/// A name without a constant of its own.
#[derive(Debug, Clone)]
pub struct OtherName(String);

impl PartialEq for OtherName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for OtherName {}

impl HeaderName {
    /// Reads a name, full or compact; `None` when it is no token.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<HeaderName> {
        if !scan::is_token(name) {
            return None;
        }
        let text = std::str::from_utf8(name).ok()?;
        let same = |known: &str| !known.is_empty() && known.eq_ignore_ascii_case(text);
        let known = NAMES.iter().find(|(_, full, compact)| same(full) || same(compact));
        Some(known.map_or_else(|| HeaderName::Other(OtherName(text.to_owned())), |(name, _, _)| name.clone()))
    }
}

impl std::fmt::Display for HeaderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The header fields of one message in their order; values as octets, unfolded and trimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    list: Vec<(HeaderName, Vec<u8>)>,
}

impl Headers {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Headers::default()
    }

    /// Every header field in its order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &[u8])> {
        self.list.iter().map(|(name, value)| (name, value.as_slice()))
    }

    /// The first value of that name.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// Every value of that name in its order; a value may be a list (see [`Headers::elements`]).
    pub fn get_all<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let name = name.clone();
        self.list.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value.as_slice())
    }

    /// Adds a header field behind the others.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        self.list.push((name, value.into()));
    }

    /// Takes every header field of that name out.
    pub fn remove(&mut self, name: &HeaderName) {
        self.list.retain(|(own, _)| own != name);
    }

    /// Puts one value in the place of every value of that name.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        let at = self.list.iter().position(|(own, _)| *own == name).unwrap_or(self.list.len());
        self.remove(&name);
        self.list.insert(at.min(self.list.len()), (name, value.into()));
    }

    /// The elements of a header field whose value is a list (RFC 3261 7.3.1), over all its lines.
    ///
    /// # Errors
    /// A quotation or an angle bracket is never closed.
    pub fn elements(&self, name: &HeaderName) -> Result<Vec<&[u8]>, HeaderError> {
        let mut elements = Vec::new();
        for line in self.get_all(name) {
            let parts = scan::split_list(line, b',').map_err(|_| HeaderError::Malformed(name.clone()))?;
            elements.extend(parts.into_iter().filter(|part| !part.is_empty()));
        }
        Ok(elements)
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// It does not follow its grammar.
    pub fn via(&self) -> Result<Option<Via>, HeaderError> {
        let Some(line) = self.get(&HeaderName::Via) else { return Ok(None) };
        let malformed = HeaderError::Malformed(HeaderName::Via);
        let parts = scan::split_list(line, b',').map_err(|_| malformed.clone())?;
        parts.first().and_then(|first| Via::parse(first)).map(Some).ok_or(malformed)
    }

    /// Every Via, topmost first.
    ///
    /// # Errors
    /// One does not follow its grammar.
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        self.parsed(&HeaderName::Via, Via::parse)
    }

    /// Notes in the topmost Via where the request came from (RFC 3261 18.2.1, RFC 3581 4); the others stay.
    pub fn stamp_top_via(&mut self, source: SocketAddr) {
        let Ok(Some(mut via)) = self.via() else { return };
        via.stamp(source);
        let Some((_, line)) = self.list.iter_mut().find(|(name, _)| *name == HeaderName::Via) else { return };
        let mut stamped = via.to_bytes();
        for below in scan::split_list(line, b',').unwrap_or_default().into_iter().skip(1) {
            stamped.extend_from_slice(b", ");
            stamped.extend_from_slice(below);
        }
        *line = stamped;
    }

    /// Adds a tag to To, unless it has one (RFC 3261 8.2.6.2).
    pub fn set_to_tag(&mut self, tag: &str) {
        if let Ok(Some(to)) = self.to()
            && to.tag().is_none()
        {
            let mut value = self.get(&HeaderName::To).unwrap_or_default().to_vec();
            value.extend_from_slice(b";tag=");
            value.extend_from_slice(tag.as_bytes());
            self.set(HeaderName::To, value);
        }
    }

    /// From.
    ///
    /// # Errors
    /// It does not follow its grammar or stands there twice.
    pub fn from(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.single(HeaderName::From, NameAddr::parse)
    }

    /// To.
    ///
    /// # Errors
    /// It does not follow its grammar or stands there twice.
    pub fn to(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.single(HeaderName::To, NameAddr::parse)
    }

    /// Call-ID (RFC 3261 20.8).
    ///
    /// # Errors
    /// It holds white space or control characters, is empty, or stands there twice.
    pub fn call_id(&self) -> Result<Option<String>, HeaderError> {
        self.single(HeaderName::CallId, |value| {
            let legal = !value.is_empty() && value.iter().all(|octet| (0x21..=0x7e).contains(octet));
            legal.then(|| String::from_utf8_lossy(value).into_owned())
        })
    }

    /// CSeq.
    ///
    /// # Errors
    /// It does not follow its grammar or stands there twice.
    pub fn cseq(&self) -> Result<Option<CSeq>, HeaderError> {
        self.single(HeaderName::CSeq, CSeq::parse)
    }

    /// Max-Forwards, 0 to 255 (RFC 3261 20.22).
    ///
    /// # Errors
    /// It is no such number or stands there twice.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.single(HeaderName::MaxForwards, |value| u8::try_from(scan::number(value)?).ok())
    }

    /// The first Contact; `*` (RFC 3261 10.2.2) is none.
    ///
    /// # Errors
    /// It does not follow its grammar.
    pub fn contact(&self) -> Result<Option<NameAddr>, HeaderError> {
        let elements = self.elements(&HeaderName::Contact)?;
        match elements.first().copied() {
            None | Some([b'*']) => Ok(None),
            Some(first) => {
                NameAddr::parse(first).map(Some).ok_or(HeaderError::Malformed(HeaderName::Contact))
            }
        }
    }

    /// Every Route in its order.
    ///
    /// # Errors
    /// One does not follow its grammar.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.parsed(&HeaderName::Route, NameAddr::parse)
    }

    /// Every Record-Route in its order.
    ///
    /// # Errors
    /// One does not follow its grammar.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.parsed(&HeaderName::RecordRoute, NameAddr::parse)
    }

    /// The option tags of a Require header field.
    ///
    /// # Errors
    /// One is no token.
    pub fn require(&self) -> Result<Vec<String>, HeaderError> {
        self.tokens(&HeaderName::Require)
    }

    /// The tokens of a list such as Require, Supported or Allow.
    ///
    /// # Errors
    /// One is no token.
    pub fn tokens(&self, name: &HeaderName) -> Result<Vec<String>, HeaderError> {
        self.parsed(name, |value| scan::is_token(value).then(|| String::from_utf8_lossy(value).into_owned()))
    }

    /// The privacy types (RFC 3323 4.2), in lower case.
    #[must_use]
    pub fn privacy(&self) -> Vec<String> {
        self.get_all(&HeaderName::Privacy)
            .flat_map(|value| value.split(|octet| matches!(octet, b';' | b',')))
            .map(|part| String::from_utf8_lossy(scan::trim(part)).to_ascii_lowercase())
            .collect()
    }

    /// The media type of the body in lower case, without parameters (`application/sdp`).
    ///
    /// # Errors
    /// It is no media type or stands there twice.
    pub fn content_type(&self) -> Result<Option<String>, HeaderError> {
        self.single(HeaderName::ContentType, media_type)
    }

    fn single<T>(
        &self,
        name: HeaderName,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, HeaderError> {
        let mut values = self.get_all(&name);
        let Some(first) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(HeaderError::Repeated(name));
        }
        read(first).map(Some).ok_or(HeaderError::Malformed(name))
    }

    fn parsed<T>(&self, name: &HeaderName, read: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, HeaderError> {
        let elements = self.elements(name)?;
        elements
            .into_iter()
            .map(|element| read(element).ok_or_else(|| HeaderError::Malformed(name.clone())))
            .collect()
    }
}

fn media_type(value: &[u8]) -> Option<String> {
    let bare = scan::split_once(value, b';').map_or(value, |(bare, _)| bare);
    let (kind, subtype) = scan::split_once(bare, b'/')?;
    let (kind, subtype) = (scan::trim(kind), scan::trim(subtype));
    if !scan::is_token(kind) || !scan::is_token(subtype) {
        return None;
    }
    Some(
        format!("{}/{}", String::from_utf8_lossy(kind), String::from_utf8_lossy(subtype))
            .to_ascii_lowercase(),
    )
}
