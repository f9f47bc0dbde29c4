//! Secrets in settings files, made unreadable before a line is shown: findings end up in logs and in tickets.

use std::ops::Range;

/// Keys whose values are nobody's concern. Passwords and the like have no place in the settings; where somebody
/// writes one all the same, the finding about it must not spread it.
const SECRET: [&str; 5] = ["code", "password", "secret", "token", "pin"];

/// The text with stars for secrets: for the PINs, and for addresses from behind the host on. Every byte keeps its
/// place.
pub fn concealed(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let hidden: Vec<Range<usize>> = values(line).chain(addresses(line)).collect();
        for (at, letter) in line.char_indices() {
            match hidden.iter().any(|range| range.contains(&at)) {
                true => shown.extend(std::iter::repeat_n('*', letter.len_utf8())),
                false => shown.push(letter),
            }
        }
    }
    shown
}

/// Where the values of secret keys stand in a line.
fn values(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices('=').filter_map(|(equals, _)| {
        let before = line.get(..equals)?.trim_end().trim_end_matches(['"', '\'']);
        let key = before.rsplit(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next()?;
        let is_secret = SECRET.iter().any(|name| key.eq_ignore_ascii_case(name));
        is_secret.then(|| value(line, equals + 1)).flatten()
    })
}

/// The value from a place on: what is in quotes (to the line's end, where the second one is missing), or else what
/// comes before a comma or the end of the line. A table has keys of its own.
fn value(line: &str, from: usize) -> Option<Range<usize>> {
    let rest = line.get(from..)?;
    let start = from + rest.len() - rest.trim_start().len();
    let rest = line.get(start..)?.trim_end();
    let end = match rest.chars().next()? {
        '{' => return None,
        quote @ ('"' | '\'') => {
            let inside = rest.get(1..)?;
            let length = inside.find(quote).unwrap_or(inside.len());
            return Some(start + 1..start + 1 + length);
        }
        _ => rest.find([',', '}', '#']).unwrap_or(rest.len()),
    };
    Some(start..start + end)
}

/// Where the secret parts of web addresses stand in a line: a name and password before the host, and all behind it.
fn addresses(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").flat_map(|(at, scheme)| {
        let start = at + scheme.len();
        let rest = line.get(start..).unwrap_or_default();
        let end = start + rest.find(['"', '\'', '\n', '\r']).unwrap_or(rest.len());
        let address = line.get(start..end).unwrap_or_default();
        let host_ends = start + address.find(['/', '?', '#', ' ']).unwrap_or(address.len());
        let host = line.get(start..host_ends).unwrap_or_default();
        let host_starts = start + host.rfind('@').map_or(0, |at| at + 1);
        [start..host_starts, host_ends..end]
    })
}

#[cfg(test)]
mod tests {
    use super::concealed;

    #[test]
    fn pins_and_addresses_of_calendars_cannot_be_read_and_all_else_can() {
        for (written, shown) in [
            ("code = \"4711\" # of a\n", "code = \"****\" # of a\n"),
            ("codes = [{ name = \"a\", code = \"4711\" }]", "codes = [{ name = \"a\", code = \"****\" }]"),
            ("code = 4711", "code = ****"),
            ("code = \"4711\nname = \"a\"", "code = \"****\nname = \"a\""),
            ("  'password'='geheim'", "  'password'='******'"),
            ("code_file = \"a.pin\"", "code_file = \"a.pin\""),
            ("pin = { codes = [] }", "pin = { codes = [] }"),
            ("calendar = \"https://cal.example/x.ics?k=1\"", "calendar = \"https://cal.example**********\""),
            ("calendar = 'http://me:pw@cal.example:80/x'", "calendar = 'http://******cal.example:80**'"),
            ("name = \"Zürich\"", "name = \"Zürich\""),
        ] {
            assert_eq!(concealed(written), shown);
        }
        assert_eq!(concealed("code = \"4ü1\"").len(), "code = \"4ü1\"".len());
    }
}
