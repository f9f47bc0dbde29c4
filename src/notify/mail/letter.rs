//! What a letter says, and how it is written: headers, text, HTML, and the caller's message.

use std::fmt::Write as _;
use std::time::SystemTime;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as Attached, Mailbox, Message, MultiPart};

use crate::incident::{Event, Notice, Severity};
use crate::notify::prose::{self, Colour};

/// A letter before it is written.
#[derive(Debug)]
pub struct Letter<'a> {
    /// What it tells of.
    pub notice: &'a Notice,
    /// Who writes.
    pub from: &'a Mailbox,
    /// Who is named as recipient.
    pub to: &'a [Mailbox],
    /// What it carries.
    pub attachment: Option<Attachment>,
    /// What it says of a message that it does not carry.
    pub about: Option<String>,
    /// When it is written.
    pub at: SystemTime,
}

/// A file that a letter carries.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub octets: Vec<u8>,
}

impl Letter<'_> {
    /// The letter as it is sent. All letters of an incident have the same subject and refer to the same one, so that
    /// mail programs show them as one thread.
    pub fn written(&self) -> Result<Vec<u8>, String> {
        let domain = self.from.email.domain();
        let thread = identity(&self.notice.dedup_key, domain);
        let subject = format!("[{}] {}", self.notice.severity, prose::title(self.notice));
        let follows = self.notice.event != Event::Trigger;
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(if follows { format!("Re: {subject}") } else { subject })
            .date(self.at)
            .message_id(Some(identity(&format!("{}.letter", self.notice.id), domain)))
            .references(thread.clone())
            // No machine answers a machine (RFC 3834), nor does Exchange.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        if follows {
            message = message.in_reply_to(thread);
        } else if matches!(self.notice.severity, Severity::Critical | Severity::Error) {
            message = message.raw_header(header("Importance", "high"));
        }
        for to in self.to {
            message = message.to(to.clone());
        }
        let text = MultiPart::alternative_plain_html(self.plain(), self.html());
        let parts = match &self.attachment {
            None => text,
            Some(file) => {
                let attached = Attached::new(file.name.clone());
                MultiPart::mixed()
                    .multipart(text)
                    .singlepart(attached.body(file.octets.clone(), kind(&file.name)?))
            }
        };
        let message =
            message.multipart(parts).map_err(|error| format!("the letter cannot be written: {error}"))?;
        Ok(message.formatted())
    }

    fn plain(&self) -> String {
        let mut text = format!("{}\n\n{}\n", prose::headline(self.notice), prose::plain(self.notice));
        if let Some(about) = &self.about {
            let _ = writeln!(text, "{about}");
        }
        text
    }

    fn html(&self) -> String {
        let colour = Colour::of(self.notice).hex();
        let mut html = format!(
            "<!DOCTYPE html><html><body style=\"font-family:sans-serif\">\
             <p style=\"border-left:6px solid {colour};padding-left:10px;font-size:120%\"><b>{}</b></p>",
            escaped(&prose::headline(self.notice))
        );
        if let Some(text) = prose::text(self.notice) {
            let _ = write!(html, "<p>{}</p>", escaped(&text));
        }
        if let Some(said) = prose::transcript(self.notice) {
            let _ = write!(html, "<blockquote>{}</blockquote>", escaped(&said));
        }
        html.push_str("<table>");
        for (name, value) in prose::details(self.notice) {
            let _ = write!(html, "<tr><td>{name}</td><td>{}</td></tr>", escaped(&value));
        }
        html.push_str("</table>");
        if let Some(link) = &self.notice.link {
            let link = escaped(link);
            let _ = write!(html, "<p><a href=\"{link}\">{link}</a></p>");
        }
        if let Some(about) = &self.about {
            let _ = write!(html, "<p>{}</p>", escaped(about));
        }
        html + "</body></html>\n"
    }
}

/// What kind of file a message is, by its name.
fn kind(name: &str) -> Result<ContentType, String> {
    let kind = match name.rsplit('.').next() {
        Some("wav") => "audio/wav",
        Some("ogg") => "audio/ogg",
        _ => "application/octet-stream",
    };
    ContentType::parse(kind).map_err(|error| error.to_string())
}

/// Names a letter, or a thread, for good.
fn identity(of: &str, domain: &str) -> String {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let left: String = of.chars().map(|letter| if good(letter) { letter } else { '-' }).take(150).collect();
    format!("<{left}@{domain}>")
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;").replace('\n', "<br>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::prose::tests::{hostile, notice};

    fn written(notice: &Notice) -> String {
        let (from, to) =
            ("Nightbell <bell@acme.example>".parse().unwrap(), ["anna@acme.example".parse().unwrap()]);
        let at = SystemTime::UNIX_EPOCH;
        let letter = Letter { notice, from: &from, to: &to, attachment: None, about: None, at };
        String::from_utf8(letter.written().unwrap()).unwrap()
    }

    /// The headers, unfolded.
    fn headers(letter: &str) -> Vec<String> {
        let (head, _) = letter.split_once("\r\n\r\n").unwrap();
        head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn letters_of_an_incident_are_one_thread() {
        let first = written(&notice(Event::Trigger));
        let second = written(&notice(Event::Resolve));
        assert!(first.contains("Message-ID: <hotline-c1-trigger-1.letter@acme.example>\r\n"), "{first}");
        assert!(second.contains("Message-ID: <hotline-c1-resolve-1.letter@acme.example>\r\n"), "{second}");
        assert!(
            first.contains("References: <hotline-c1@acme.example>\r\n") && !first.contains("In-Reply-To")
        );
        assert!(second.contains("In-Reply-To: <hotline-c1@acme.example>\r\n"));
        assert!(first.contains("Subject: [critical] Nobody answered a call to Emergency hotline\r\n"));
        assert!(second.contains("Subject: Re: [critical] Nobody answered a call to Emergency hotline\r\n"));
    }

    #[test]
    fn no_machine_answers_it() {
        assert!(written(&notice(Event::Update)).contains("Auto-Submitted: auto-generated\r\n"));
    }

    #[test]
    fn nothing_a_caller_says_becomes_a_header() {
        let nasty = Notice {
            title: hostile(),
            text: hostile(),
            caller_name: Some(hostile()),
            dedup_key: hostile(),
            id: hostile(),
            by: Some(hostile()),
            ..notice(Event::Resolve)
        };
        let names = |letter: &str| -> Vec<String> {
            headers(letter).iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&written(&nasty)), names(&written(&notice(Event::Resolve))));
        assert!(headers(&written(&nasty)).iter().all(|line| line.len() < 1200));
    }

    #[test]
    fn html_shows_a_caller_s_letters_and_no_more() {
        assert_eq!(escaped("<b>\"A\" & 'B'</b>"), "&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;");
    }
}
