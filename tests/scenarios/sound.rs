//! How long prompts take: near enough to the real recordings.

use std::time::Duration;

use nightbell::call::prompt::{Piece, Prompt, Tone};

pub fn length(prompt: &Prompt) -> Duration {
    prompt.0.iter().map(piece).sum()
}

fn piece(piece: &Piece) -> Duration {
    Duration::from_millis(match piece {
        Piece::Shipped { name, .. } if name.chars().count() == 1 || name == "star" => 400,
        Piece::Shipped { name, .. } if name == "press" => 300,
        Piece::Shipped { .. } => 2000,
        Piece::Say { text, .. } => 60 * u64::try_from(text.chars().count()).unwrap(),
        Piece::File(_) => 3000,
        Piece::Tone(Tone::Beep) => 400,
        Piece::Tone(_) => 2000,
        Piece::Memo(memo) => memo.narrow.len() as u64 / 8,
        Piece::Pause(ms) => u64::from(*ms),
        Piece::Value { value, .. } => panic!("{value} is not filled in"),
    })
}
