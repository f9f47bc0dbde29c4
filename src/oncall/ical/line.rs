//! The lines of a calendar (RFC 5545, section 3.1): unfolded, and split into name, parameters and value.

/// One line of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which line of the file it begins on, counted from 1.
    pub number: usize,
    /// `DTSTART`, in capitals.
    pub name: String,
    /// `TZID` and its value, the names in capitals, the values without quotation marks.
    parameters: Vec<(String, String)>,
    /// What stands behind the colon, as it is.
    pub value: String,
}

impl Line {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value as text: `\n`, `\,`, `\;` and `\\` mean what they stand for.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut letters = self.value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some('n' | 'N') => text.push('\n'),
                    Some(other) => text.push(other),
                    None => text.push('\\'),
                },
                plain => text.push(plain),
            }
        }
        text
    }
}

/// The lines of a calendar. A line that is none, because it has no colon, is passed over.
pub fn lines(octets: &[u8]) -> impl Iterator<Item = Line> + '_ {
    unfolded(octets).filter_map(|(number, octets)| split(number, &String::from_utf8_lossy(&octets)))
}

/// A line that begins with a space or a tab goes on with the line before it. A fold may stand inside a letter,
/// so that lines are put together before they are read as text.
fn unfolded(octets: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let mut rows = (1_usize..).zip(octets.split(|octet| *octet == b'\n')).peekable();
    std::iter::from_fn(move || {
        let (number, row) = rows.next()?;
        let mut line = plain(row).to_vec();
        while let Some((_, more)) = rows.next_if(|(_, row)| matches!(row.first(), Some(b' ' | b'\t'))) {
            line.extend_from_slice(plain(more).get(1..).unwrap_or_default());
        }
        Some((number, line))
    })
}

fn plain(row: &[u8]) -> &[u8] {
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// `NAME;PARAMETER="VALUE":VALUE`
fn split(number: usize, line: &str) -> Option<Line> {
    let (head, value) = split_unquoted(line, ':')?;
    let (name, mut rest) = match split_unquoted(head, ';') {
        Some((name, rest)) => (name, Some(rest)),
        None => (head, None),
    };
    let mut parameters = Vec::new();
    while let Some(written) = rest {
        let (parameter, after) = match split_unquoted(written, ';') {
            Some((parameter, after)) => (parameter, Some(after)),
            None => (written, None),
        };
        if let Some((name, value)) = parameter.split_once('=') {
            parameters.push((name.trim().to_uppercase(), value.trim_matches('"').to_owned()));
        }
        rest = after;
    }
    Some(Line { number, name: name.trim().to_uppercase(), parameters, value: value.to_owned() })
}

/// Splits at the first such letter that stands between no quotation marks.
fn split_unquoted(text: &str, at: char) -> Option<(&str, &str)> {
    let mut quoted = false;
    let (place, _) = text.char_indices().find(|(_, letter)| {
        quoted ^= *letter == '"';
        *letter == at && !quoted
    })?;
    Some((text.get(..place)?, text.get(place + at.len_utf8()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Line {
        lines(text.as_bytes()).next().unwrap()
    }

    #[test]
    fn a_line_is_split_into_its_name_parameters_and_value() {
        let line = one("attendee;CN=\"Schmidt; Anna: SRE\";Role=CHAIR:mailto:anna@acme.example\r\n");
        assert_eq!((line.name.as_str(), line.value.as_str()), ("ATTENDEE", "mailto:anna@acme.example"));
        assert_eq!(line.parameter("CN"), Some("Schmidt; Anna: SRE"));
        assert_eq!((line.parameter("ROLE"), line.parameter("X")), (Some("CHAIR"), None));
    }

    #[test]
    fn folded_lines_are_put_together_whatever_ends_them_even_inside_a_letter() {
        let folded = b"SUMMARY:J\xc3\r\n \xbcrgen is\n\t on call\r\nUID:1\n".to_vec();
        let read: Vec<Line> = lines(&folded).collect();
        assert_eq!(read[0].value, "Jürgen is on call");
        assert_eq!((read[1].name.as_str(), read[1].number, read.len()), ("UID", 4, 2));
    }

    #[test]
    fn a_text_is_told_without_its_backslashes() {
        assert_eq!(one("SUMMARY:a\\, b\\; c\\\\d\\ne\\").text(), "a, b; c\\d\ne\\");
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        assert_eq!(lines(b"\xef\xbb\xbfBEGIN:VCALENDAR\n\nhello\n \nX\xff:\xfe").count(), 2);
    }
}
