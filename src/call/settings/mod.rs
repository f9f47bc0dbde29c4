//! The `[[hotlines]]` of `nightbell.toml`, as they are written. `compile` turns them into what a
//! call runs on (`plan`).

mod accept;
mod audio;
mod fallback;
mod hotline;
mod menu;
mod numbers;
mod period;
mod prompts;
mod route;
mod waiting;

pub use accept::AcceptSettings;
pub use audio::{AudioSetting, LevelSetting};
pub use fallback::{FallbackKind, FallbackSettings, SilenceSetting};
pub use hotline::{CallerIdSetting, HotlineSettings, RecordingSettings};
pub use menu::{MenuPromptSetting, MenuSettings};
pub use numbers::NumberList;
pub use period::Period;
pub use prompts::{PromptSetting, PromptsSettings};
pub use route::{DirectSetting, MaxPeople, RepeatSetting, RouteSettings};
pub use waiting::{PauseSettings, WaitingSettings};

use toml::Spanned;

/// A value that stands nowhere in the file: a default.
fn unspanned<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn unspanned_default<T: Default>() -> Spanned<T> {
    unspanned(T::default())
}

fn yes() -> bool {
    true
}
