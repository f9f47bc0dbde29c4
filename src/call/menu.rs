//! A menu, and the question it asks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::choice::{Choice, of_key};
use crate::call::leg::{Heard, Leg};
use crate::call::prompt::Prompt;

/// Wrong keys that come so fast after one another are one mistake.
const BURST: Duration = Duration::from_secs(1);

/// The menu of a hotline, or one that a key leads to.
#[derive(Debug, Clone)]
pub struct Menu {
    /// Its words.
    pub prompt: Prompt,
    /// Whether the welcome has already said the prompt once.
    pub said_by_welcome: bool,
    /// Time for a key after the prompt.
    pub timeout: Duration,
    /// How often it is played; coming back to it is once more.
    pub attempts: u8,
    /// After so many wrong keys it is over, whatever `attempts` says.
    pub wrong_keys: u8,
    /// The key that leads back to the menu before.
    pub back: Option<char>,
    /// What silence means; nothing: the menu again.
    pub silence: Option<Arc<Choice>>,
    /// What its keys lead to, in the order in which they are offered.
    pub choices: Arc<[Arc<Choice>]>,
}

impl Menu {
    /// Whether a key leads anywhere.
    pub fn knows(&self, key: char) -> bool {
        self.back == Some(key) || of_key(&self.choices, key).is_some()
    }

    /// Plays the menu and waits for a key. A key pressed during the prompt counts. `hash_due`: a `#` may
    /// still come that belongs to what was asked before.
    pub async fn ask(&self, caller: &mut Leg, said: bool, hash_due: bool) -> Option<char> {
        let means = |key| !(hash_due && key == '#');
        let heard = if said { Heard::Nothing } else { caller.play_unless(&self.prompt, means).await };
        wait(caller, heard, self.timeout, means).await
    }

    /// Says that the key leads nowhere; a key that does is the next answer if it is pressed meanwhile. Whoever
    /// presses many keys in a row has made one mistake, and hears of it.
    pub async fn correct(&self, caller: &mut Leg, words: &Prompt) -> Option<char> {
        let began = Instant::now();
        let means = |key| self.knows(key);
        let heard = caller.play_unless(words, means).await;
        wait(caller, heard, BURST.saturating_sub(began.elapsed()), means).await
    }
}

/// Waits for a key that means something, if it was not heard already.
async fn wait(caller: &mut Leg, heard: Heard, time: Duration, means: impl Fn(char) -> bool) -> Option<char> {
    let deadline = Instant::now() + time;
    let mut heard = heard;
    loop {
        match heard {
            Heard::Key(key) if means(key) => return Some(key),
            Heard::Nothing if Instant::now() >= deadline => return None,
            Heard::Key(_) | Heard::Nothing => {}
            // The caller is gone: the run ends this script.
            Heard::Gone(_) => return std::future::pending().await,
        }
        heard = caller.key(deadline.saturating_duration_since(Instant::now())).await;
    }
}
