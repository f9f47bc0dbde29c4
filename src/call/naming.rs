//! The caller says a name, which responders hear before they accept. It is kept in memory for this call alone.

use std::time::Duration;

use crate::call::Desk;
use crate::call::journal::{Action, Step};
use crate::call::leg::{Cut, Heard, Leg};
use crate::call::plan::Route;
use crate::call::prompt::Piece;

/// The longest name.
const LONGEST: Duration = Duration::from_secs(3);
/// How long it may take until a name that is over can be played.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks the caller for a name, once, where the route wants it. A key ends it, and so does silence. Nothing: none
/// was said.
pub async fn ask(caller: &mut Leg, desk: &Desk, route: &Route) -> Option<Piece> {
    if !route.record_name || route.direct_voicemail {
        return None;
    }
    let step = desk.timeline.open(Step::RecordMessage, Action::Received, None);
    caller.say(&desk.hotline.prompts.say_name).await;
    caller.say(&route.fallback.beep).await;
    let name = listen(caller).await;
    step.done(if name.is_some() {
        "the caller said a name"
    } else {
        "the caller was asked for a name, and said none"
    });
    name
}

async fn listen(caller: &mut Leg) -> Option<Piece> {
    let mut said = caller.record_name(LONGEST);
    let said = tokio::select! {
        biased;
        said = &mut said => said.ok(),
        heard = caller.key(LONGEST + PATIENCE) => {
            if let Heard::Gone(_) = heard {
                // The run ends this script.
                return std::future::pending().await;
            }
            caller.stop_recording(Cut::NewestKey);
            tokio::time::timeout(PATIENCE, said).await.ok().and_then(Result::ok)
        }
    };
    caller.stop_recording(Cut::Everything);
    caller.forget_keys();
    said.flatten().map(Piece::Memo)
}
