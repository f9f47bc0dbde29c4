//! Texts that the operator writes with places for what is told (minijinja). What is put in is escaped by what the text
//! is, so that a caller's name stays a name.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde::Serialize;
use toml::Spanned;

use super::text::{cut, percent};
use crate::problem::Problem;

/// How much work one text may be, in steps of the template engine.
const FUEL: u64 = 100_000;
/// The longest text that may come out, in bytes.
const LONGEST: usize = 256 * 1024;
/// The name of the only template of an environment.
const NAME: &str = "template";

/// What a text is, and with that how what is put into it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON: texts are escaped for the inside of quotes; `tojson` gives a value whole.
    Json,
    /// `application/x-www-form-urlencoded`, and parts of addresses.
    Url,
    /// XML and HTML.
    Markup,
    /// Nothing is escaped.
    Plain,
}

impl Form {
    /// The form of a content type.
    pub fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence.ends_with("/json") || essence.ends_with("+json") {
            Self::Json
        } else if essence == "application/x-www-form-urlencoded" {
            Self::Url
        } else if essence.ends_with("xml") || essence == "text/html" {
            Self::Markup
        } else {
            Self::Plain
        }
    }

    /// A value, as it is put in.
    fn escaped(self, value: &Value) -> Result<String, Error> {
        let text = match value.kind() {
            ValueKind::Undefined | ValueKind::None => return Ok(String::new()),
            // In JSON, what is no text is written as JSON.
            ValueKind::Map | ValueKind::Seq | ValueKind::Iterable if self == Self::Json => {
                return serde_json::to_string(value).map_err(|error| cannot(error.to_string()));
            }
            _ => value.to_string(),
        };
        Ok(match self {
            Self::Json => {
                let quoted = serde_json::Value::String(text).to_string();
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
            Self::Url => percent(&text),
            Self::Markup => markup(&text),
            Self::Plain => text,
        })
    }
}

/// A text with places in it.
#[derive(Clone)]
pub struct Template {
    environment: Arc<Environment<'static>>,
    form: Form,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Template {
    /// Checks what is written, with what may be put in: nothing where it is at fault.
    pub fn compile<T: Serialize>(
        written: &Spanned<String>,
        form: Form,
        samples: &[T],
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(move |out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value| {
            if value.is_undefined() {
                return Err(Error::from(ErrorKind::UndefinedError));
            }
            match value.is_safe() {
                true => out.write_str(&value.to_string())?,
                false => out.write_str(&form.escaped(value)?)?,
            }
            Ok(())
        });
        environment.add_filter("cut", |text: String, most: usize| cut(&text, most));
        let added = environment.add_template_owned(NAME, written.get_ref().clone());
        let template = Self { environment: Arc::new(environment), form };
        let fault = match added {
            Err(error) => Some(words(&error)),
            Ok(()) => samples.iter().find_map(|sample| template.render(sample).err()),
        };
        if let Some(fault) = fault {
            let help = "docs/guide/notify.md, Templates, has what can be put in";
            let message = format!("the template cannot be filled in: {fault}");
            problems.push(Problem::error(written.span(), message).help(help));
            return None;
        }
        Some(template)
    }

    /// The text with everything put in. The error says what is wrong, in half a sentence.
    pub fn render(&self, context: &impl Serialize) -> Result<String, String> {
        let template = self.environment.get_template(NAME).map_err(|error| words(&error))?;
        let mut bounded = Bounded(Vec::new());
        template.render_captured_to(Serde(context), &mut bounded).map_err(|error| words(&error))?;
        let text = String::from_utf8(bounded.0).map_err(|_| "it is no text".to_owned())?;
        match self.form {
            Form::Json => match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                Ok(_) => Ok(text),
                Err(error) => Err(format!("what comes out is no JSON: {error}")),
            },
            _ => Ok(text),
        }
    }
}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.0.len() + octets.len() > LONGEST {
            return Err(io::Error::other(format!("it is longer than {} KiB", LONGEST >> 10)));
        }
        self.0.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cannot(why: String) -> Error {
    Error::new(ErrorKind::BadSerialization, why)
}

/// What is wrong, with its line: never what was put in.
fn words(error: &Error) -> String {
    let mut words = error.kind().to_string();
    if let Some(detail) = error.detail() {
        let _ = write!(words, ": {detail}");
    }
    if let Some(line) = error.line() {
        let _ = write!(words, " (line {line})");
    }
    words
}

fn markup(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Neither XML nor HTML has a way to write these.
            c if c.is_control() && !c.is_whitespace() => out.push(' '),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\"}, {{ notice }} {% for %} <b>&\r\n\u{7}\u{1b}[31m' $(id)";

    fn filled(form: Form, text: &str) -> Result<String, String> {
        let mut problems = Vec::new();
        let sample = serde_json::json!({ "name": HOSTILE, "none": null, "list": ["a", 1], "n": 3 });
        let written = Spanned::new(0..1, text.to_owned());
        let template = Template::compile(&written, form, &[&sample], &mut problems);
        match template {
            Some(template) => template.render(&sample),
            None => Err(problems.remove(0).message),
        }
    }

    #[test]
    fn in_json_a_name_stays_a_name() {
        let text = filled(
            Form::Json,
            r#"{"name": "{{ name }}", "l": {{ list }}, "n": {{ n }}, "o": "{{ none }}", "whole": {{ name | tojson }}}"#,
        );
        let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        assert_eq!(json["name"], HOSTILE);
        assert_eq!(json["whole"], HOSTILE);
        assert_eq!(json["l"], serde_json::json!(["a", 1]));
        assert_eq!((&json["n"], &json["o"]), (&serde_json::json!(3), &serde_json::json!("")));
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(5));
    }

    #[test]
    fn in_addresses_and_markup_a_name_stays_a_name() {
        let url = filled(Form::Url, "to=1&text={{ name }}").unwrap();
        assert_eq!(url.matches(['&', '\r', '\n', '"', '<', ' ', '{']).count(), 1, "{url}");
        let markup = filled(Form::Markup, "<p>{{ name }}</p>").unwrap();
        assert_eq!(markup.matches(['<', '"', '\u{1b}']).count(), 2, "{markup}");
        assert_eq!(filled(Form::Plain, "{{ name | cut(5) }}").unwrap(), "\"}, …");
    }

    #[test]
    fn what_cannot_be_filled_in_is_told_when_it_is_read() {
        for (text, part) in [
            ("{{ nane }}", "undefined"),
            ("{{ name", "line 1"),
            ("{\"a\": {{ name }}}", "no JSON"),
            ("{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}", "fuel"),
        ] {
            let fault = filled(Form::Json, text).unwrap_err();
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }

    #[test]
    fn a_text_has_an_end() {
        let long = filled(
            Form::Plain,
            "{% for i in range(9999) %}0123456789012345678901234567890123456789{% endfor %}",
        );
        assert!(long.is_err(), "{}", long.unwrap().len());
    }
}
