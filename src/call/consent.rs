//! Consent to the recording of a call: both sides have heard that it may be recorded, or it is not.

use crate::call::Desk;
use crate::call::journal::{Action, Step, StepResult};
use crate::call::leg::{Gone, Leg, Recording, Told};
use crate::call::plan::Route;
use crate::call::run::DISK_PATIENCE;

/// Whether a call is recorded once it is bridged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Consent {
    /// Nobody wants to record it.
    #[default]
    NotAsked,
    /// Whoever was asked has heard all of it.
    Heard,
    /// It is not recorded, and why.
    Missing(String),
}

/// Tells the caller that the call may be recorded, where the route wants it.
pub async fn tell_caller(caller: &mut Leg, desk: &Desk, route: &Route) -> Consent {
    if !route.record_calls || route.direct_voicemail {
        return Consent::NotAsked;
    }
    if let Err(why) = caller.room(Recording::Call, DISK_PATIENCE).await {
        tracing::error!(call = %desk.id, "ALARM: the call cannot be recorded: {why}");
        return Consent::Missing(why);
    }
    match caller.tell(&desk.hotline.prompts.consent).await {
        Told::Whole => {
            let told = "the caller was told that the call may be recorded";
            desk.timeline.write(Step::RecordMessage, Action::Sent, StepResult::Processed, None, told);
            Consent::Heard
        }
        Told::Cut => {
            let why = "the caller did not hear to the end that it may be recorded";
            desk.timeline.write(Step::RecordMessage, Action::Sent, StepResult::Failed, None, why);
            Consent::Missing(why.to_owned())
        }
        // The caller is gone: the run ends this script.
        Told::Gone(_) => std::future::pending().await,
    }
}

/// Tells the same to whoever accepted the call, if the caller has heard it.
pub async fn tell_responder(desk: &Desk, leg: &mut Leg) -> Result<Consent, Gone> {
    if desk.consent != Consent::Heard {
        return Ok(desk.consent.clone());
    }
    match leg.tell(&desk.hotline.prompts.consent).await {
        Told::Whole => Ok(Consent::Heard),
        Told::Cut => {
            Ok(Consent::Missing("the responder did not hear to the end that it may be recorded".to_owned()))
        }
        Told::Gone(gone) => Err(gone),
    }
}
