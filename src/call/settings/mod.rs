//! The `[[hotlines]]` of `nightbell.toml`, as they are written. `compile` turns them into what a
//! call runs on (`plan`).

mod accept;
mod audio;
mod callers;
mod chase;
mod fallback;
mod hotline;
mod incident;
mod keys;
mod menu;
mod numbers;
mod opening;
mod period;
mod pin;
mod prompts;
mod route;
mod waiting;

pub use accept::AcceptSettings;
pub use audio::{AudioSetting, LevelSetting};
pub use callers::{CallerSettings, PositionSetting, RepeatedSettings};
pub use chase::ChaseSettings;
pub use fallback::{FallbackKind, FallbackSettings, SilenceSetting};
pub use hotline::{CallerIdSetting, HotlineSettings, RecordingSettings};
pub use incident::{IncidentSettings, NotifyWhenSetting, OpenSetting};
pub use keys::KeysSettings;
pub use menu::{MenuPromptSetting, MenuSettings};
pub use numbers::NumberList;
pub use opening::OutsideSetting;
pub use period::Period;
pub use pin::{Hidden, PinCodeSettings, PinSettings};
pub use prompts::{PromptSetting, PromptsSettings};
pub use route::{DirectSetting, MaxPeople, RedirectSettings, RepeatSetting, RouteSettings};
pub use waiting::{PauseSettings, WaitingSettings};

use toml::Spanned;

/// A value that stands nowhere in the file: a default.
fn unspanned<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn yes() -> bool {
    true
}
