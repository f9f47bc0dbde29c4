//! What the running daemon does when a command asks for it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::call;
use crate::daemon::changes::{self, Change, ChangeError, Changed};
use crate::daemon::control::{self, Asked};
use crate::daemon::findings::Findings;
use crate::daemon::incidents::{self, IncidentChange};
use crate::daemon::retention::{self, Removal};
use crate::daemon::start::Daemon;
use crate::daemon::verify::{self, Verified};
use crate::daemon::{blocking, storage};
use crate::oncall::{PersonId, Phone};
use crate::store::StoreError;

impl Daemon {
    /// Carries a command out.
    pub async fn obey(&mut self, asked: Asked) {
        match asked.command {
            control::Command::Apply { path, text, dry_run } => {
                let reply = match self.apply(path, text, dry_run).await {
                    Ok(lines) => control::Reply::Done(lines),
                    Err(why) => control::Reply::Failed(why),
                };
                // The command may have gone away meanwhile.
                let _ = asked.reply.send(reply);
            }
            control::Command::Change(change) => {
                let reply = match self.change(change).await {
                    Ok(changed) => control::Reply::Changed(changed),
                    Err(error) => control::Reply::Failed(error.to_string()),
                };
                let _ = asked.reply.send(reply);
            }
            control::Command::Incident(change) => self.change_incident(change, asked.reply),
            control::Command::Verify { person, phone } => self.verify(&person, phone.as_deref(), asked.reply),
            control::Command::Remove(removal) => self.remove(removal, asked.reply),
            control::Command::Trunks { ping } => self.tell_trunks(ping, asked.reply),
            control::Command::Storage => {
                let health = self.store.health().borrow().clone();
                let _ = asked.reply.send(control::Reply::Storage(health));
            }
            control::Command::SetAside => {
                let reply = match self.set_aside().await {
                    Ok(lines) => control::Reply::Done(lines),
                    Err(error) => control::Reply::Failed(error.to_string()),
                };
                let _ = asked.reply.send(reply);
            }
        }
    }

    /// Moves a damaged database out of the way, and goes on with a new one.
    async fn set_aside(&mut self) -> Result<Vec<String>, StoreError> {
        let store = self.store.clone();
        let aside = blocking(move || store.set_aside()).await?;
        self.take_home().await;
        Ok(storage::set_aside_lines(&aside))
    }

    /// The right database is in use again: so is who is on call by the file, and by it.
    pub(super) async fn take_home(&mut self) {
        let (store, file) =
            (self.store.clone(), self.config.oncall.as_ref().map(|(_, roster)| roster.clone()));
        let ways = self.config.ways();
        let applied = blocking(move || {
            file.map_or(Ok(()), |roster| store.apply_roster(&roster, false).map(drop))?;
            store.set_ways(&ways)
        });
        if let Err(error) = applied.await {
            tracing::error!(%error, "the on-call file could not be taken into the database");
        }
        if let Err(error) = self.reload_roster().await {
            tracing::error!(%error, "who is on call could not be read from the database");
        }
    }

    /// Tells how the trunks stand, once they have: nothing else waits for that.
    fn tell_trunks(&self, ping: bool, reply: oneshot::Sender<control::Reply>) {
        let listening = self.listening().iter().map(ToString::to_string).collect();
        let audio = self.switch.audio();
        let report = self.switch.report(ping);
        tokio::spawn(async move {
            let told = match report.await {
                Some(trunks) => control::Reply::Trunks { listening, audio, trunks },
                None => control::Reply::Failed("the daemon is stopping".to_owned()),
            };
            let _ = reply.send(told);
        });
    }

    /// Removes a message, or what tells of a caller. Other commands do not wait for the disk.
    fn remove(&self, removal: Removal, reply: oneshot::Sender<control::Reply>) {
        let (store, recordings) = (self.store.clone(), self.data_dir.join("recordings"));
        if let Removal::Caller { number, dry_run: false } = &removal {
            self.house.history.forget(number);
        }
        tokio::task::spawn_blocking(move || {
            let removed = retention::carry_out(&store, &recordings, &removal, Timestamp::now());
            let told =
                removed.map_or_else(|why| control::Reply::Failed(why.to_string()), control::Reply::Removed);
            let _ = reply.send(told);
        });
    }

    /// Changes incidents, quiet times or the outbox. Other commands do not wait for the disk with it.
    fn change_incident(&self, change: IncidentChange, reply: oneshot::Sender<control::Reply>) {
        // What is done to an incident stands in its own log, and notes stand nowhere else.
        if !matches!(change, IncidentChange::Of { .. }) {
            tracing::info!(?change, "incidents: a command");
        }
        let (store, journal) = (self.store.clone(), self.house.journal.clone());
        tokio::spawn(async move {
            let done = incidents::carry_out_running(store, journal, change, Timestamp::now()).await;
            let told =
                done.map_or_else(|why| control::Reply::Failed(why.to_string()), control::Reply::Incident);
            let _ = reply.send(told);
        });
    }

    /// Calls a phone to have it confirmed. Other commands do not wait for that.
    fn verify(&self, person: &str, phone: Option<&str>, reply: oneshot::Sender<control::Reply>) {
        let snapshot = self.switch.snapshot();
        let asked = match verify::prepare(&snapshot, &self.config.trunks, person, phone) {
            Ok(asked) => asked,
            Err(why) => {
                let _ = reply.send(control::Reply::Failed(why));
                return;
            }
        };
        let keep = keep_confirmed(self.confirmed.0.clone(), asked.person.id.clone(), asked.phone.clone());
        let (told, house) = (Verified::new(&asked), self.house.clone());
        tokio::spawn(async move {
            let ended = call::verify::run(asked, keep, house).await;
            let confirmed = ended.is_ok();
            let reason = ended.unwrap_or_else(|why| why);
            let _ = reply.send(control::Reply::Verified(Verified { confirmed, reason, ..told }));
        });
    }

    async fn apply(&mut self, path: PathBuf, text: String, dry_run: bool) -> Result<Vec<String>, String> {
        let mut findings = Findings::default();
        let source = Arc::new(crate::daemon::findings::Source { path, text });
        let roster = crate::daemon::config::read_roster(&source, &mut findings);
        let Some(roster) = roster.filter(|_| !findings.has_errors()) else {
            return Err(findings.render(false));
        };
        // A hotline must not be left with a target that is no longer there.
        self.config.hotlines(&roster, &mut findings);
        if findings.has_errors() {
            return Err(findings.render(false));
        }
        let store = self.store.clone();
        let changes = blocking(move || store.apply_roster(&roster, dry_run))
            .await
            .map_err(|error| error.to_string())?;
        if !dry_run {
            self.reload_roster().await.map_err(|error| error.to_string())?;
            self.background.feeds.roster_changed();
        }
        Ok(changes.iter().map(ToString::to_string).collect())
    }

    /// Changes who is on call, from the next call on.
    async fn change(&mut self, change: Change) -> Result<Changed, ChangeError> {
        let store = self.store.clone();
        tracing::info!(?change, "on call: a command");
        let changed = blocking(move || changes::carry_out(&store, &change, Timestamp::now())).await?;
        self.reload_roster().await?;
        Ok(changed)
    }
}

/// Has a confirmation written down and taken into use.
async fn keep_confirmed(to: mpsc::Sender<Asked>, person: PersonId, phone: Phone) -> Result<(), String> {
    let (reply, answer) = oneshot::channel();
    let command = control::Command::Change(Change::ConfirmPhone { person, phone });
    let sent = to.send(Asked { command, reply }).await;
    match sent.map(|()| answer) {
        Ok(answer) => match answer.await {
            Ok(control::Reply::Changed(_)) => Ok(()),
            Ok(control::Reply::Failed(why)) => Err(why),
            Ok(_) | Err(_) => Err("the daemon is stopping".to_owned()),
        },
        Err(_) => Err("the daemon is stopping".to_owned()),
    }
}
