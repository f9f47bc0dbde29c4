//! Texts of callers in chats that read Markdown.

/// What means something to Markdown.
const MARKS: &str = "\\`*_{}[]()<>#+-!|~";

/// A text that is shown as it is: no markup, no link behind other words, no picture, and nobody is mentioned.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if MARKS.contains(letter) {
            shown.push('\\');
        }
        shown.push(letter);
        // A space without width: what follows is no name any more.
        if letter == '@' {
            shown.push('\u{200b}');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_text_keeps_its_letters_and_loses_its_meaning() {
        assert_eq!(escaped("Anna [x](http://e) *b*"), "Anna \\[x\\]\\(http://e\\) \\*b\\*");
        assert_eq!(escaped("@channel"), "@\u{200b}channel");
    }
}
