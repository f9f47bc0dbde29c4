//! What a command said, as a text that can be shown.

use crate::notify::cut;

/// The longest text, in characters: two minutes of speech have some 2,000.
const LONGEST: usize = 8000;

/// Printable words, one blank apart, and no more of them than anybody reads.
pub fn clean(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let shown: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    cut(&shown.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST)
}

/// What drives a terminal, or turns the direction of what stands beside it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
}
