//! Single values: keys, lengths of time and numbers, each within its range.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::Compiler;
use crate::call::preset::{FilledIn, Row};
use crate::call::settings::Period;

/// What is written, with its place, or what the preset says.
pub(super) fn spanned<T: Copy + fmt::Display>(
    preset: &mut FilledIn,
    row: &Row<T>,
    written: Option<&Spanned<T>>,
) -> Spanned<T> {
    let place = written.map_or(0..0, Spanned::span);
    Spanned::new(place, preset.value(row, written.map(|written| *written.get_ref())))
}

/// The same of a text.
pub(super) fn spanned_text(
    preset: &mut FilledIn,
    row: &Row<&'static str>,
    written: Option<&Spanned<String>>,
) -> Spanned<String> {
    written.cloned().unwrap_or_else(|| Spanned::new(0..0, preset.value(row, None).to_owned()))
}

impl Compiler<'_> {
    pub(super) fn key(&mut self, written: &Spanned<String>, allowed: &str) -> Option<char> {
        let mut chars = written.get_ref().chars();
        match (chars.next(), chars.next()) {
            (Some(key), None) if allowed.contains(key) => Some(key),
            _ => {
                let message = format!("`{}` is not a key", written.get_ref());
                self.error(written.span(), message, &format!("a key is one of {allowed}"));
                None
            }
        }
    }

    pub(super) fn period(
        &mut self,
        written: &Spanned<Period>,
        seconds: RangeInclusive<u64>,
        key: &str,
    ) -> Duration {
        let length = written.get_ref().0;
        let (least, most) = (Duration::from_secs(*seconds.start()), Duration::from_secs(*seconds.end()));
        if !(least..=most).contains(&length) {
            let message = format!(
                "{key} is {}, outside {} s to {} s",
                written.get_ref(),
                seconds.start(),
                seconds.end()
            );
            self.error(written.span(), message, "choose a length inside that range");
        }
        length
    }

    pub(super) fn count(&mut self, written: &Spanned<u8>, range: RangeInclusive<u8>, key: &str) -> u8 {
        let count = *written.get_ref();
        if !range.contains(&count) {
            let message = format!("{key} is {count}, outside {} to {}", range.start(), range.end());
            self.error(written.span(), message, "choose a number inside that range");
        }
        count
    }
}
