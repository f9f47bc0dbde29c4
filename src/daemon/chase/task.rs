//! One chase, from where it is to where it has to wait.

use std::sync::Arc;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::levels::Plan;
use super::{Desk, story};
use crate::call::chase::{Answer, Asked};
use crate::call::clock::Clock;
use crate::call::journal::Record;
use crate::call::run::{DISK_PATIENCE, House};
use crate::call::verify::OURSELVES;
use crate::call::{self, CallId};
use crate::daemon::blocking;
use crate::incident::Fact;
use crate::incident::chase::{Came, Turn};
use crate::oncall::Candidate;
use crate::store::{Chase, Store, StoreError};

/// A chase that something is due in.
#[derive(Debug)]
pub(super) struct Task {
    desk: Desk,
    chase: Chase,
    /// `true`: nobody is needed any more.
    over: watch::Receiver<bool>,
}

/// Whether there is more to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Yes,
    No,
}

impl Task {
    pub(super) fn new(desk: Desk, chase: Chase, over: watch::Receiver<bool>) -> Self {
        Self { desk, chase, over }
    }

    /// Goes on until it has to wait, or is over. What is written down was done; the rest is done the next time.
    pub(super) async fn run(mut self) {
        loop {
            if *self.desk.resting.borrow() || *self.over.borrow() {
                return;
            }
            match self.step().await {
                Ok(More::Yes) => {}
                Ok(More::No) => return,
                Err(error) => {
                    tracing::error!(%error, incident = self.chase.incident, "a chase cannot be kept: it is put off");
                    // The disk fails: nobody is rung again and again for that.
                    tokio::time::sleep(super::AFTER_AN_ERROR).await;
                    return;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<More, StoreError> {
        let now = Timestamp::now();
        let Some(plan) = self.plan(now) else {
            return self
                .give_up("its route is not in the settings any more: nobody is phoned about it")
                .await;
        };
        if plan.route.policy.levels.is_empty() {
            return self.give_up("its route names nobody who could be phoned about it").await;
        }
        match self.chase.progress.next(now, &plan.levels, &plan.route.chase) {
            Turn::Begin { level, people } => {
                self.fact(now, Fact::Escalated { people, level });
                self.keep(|store, chase| store.chase_came_to(chase)).await
            }
            Turn::Person(id) => match plan.person(&id) {
                Some(candidate) => self.turn(&plan, candidate).await,
                None => Ok(More::No),
            },
            Turn::Wait(until) => {
                self.chase.due_at = until;
                self.keep(|store, chase| store.chase_came_to(chase)).await?;
                Ok(More::No)
            }
            Turn::Over => {
                self.give_up("nobody has taken it on: everybody was asked, to the last round").await
            }
        }
    }

    fn plan(&self, now: Timestamp) -> Option<Plan> {
        let routed = self.chase.case.routed()?;
        let snapshot = self.desk.snapshot.borrow().clone();
        let mut lot = StdRng::from_rng(&mut rand::rng());
        Plan::of(&snapshot, &routed.hotline, &routed.route, now, &mut lot)
    }

    /// Somebody's turn: told by the person's own ways, and phoned.
    async fn turn(&mut self, plan: &Plan, candidate: &Candidate) -> Result<More, StoreError> {
        let person = candidate.person.id.to_string();
        let now = Timestamp::now();
        self.chase.due_at = now;
        let told = person.clone();
        let begun = self.keep(move |store, chase| {
            store.chase_turn(chase, &told, "Nobody has taken it on yet. It is your turn.", now)
        });
        if begun.await? == More::No {
            return Ok(More::No);
        }
        if !plan.route.chase.phone || !candidate.person.is_phoned() {
            self.chase.progress.came(Timestamp::now(), Came::Nothing);
            return self.keep(|store, chase| store.chase_came_to(chase)).await;
        }
        let answer = self.phone(plan, candidate).await;
        let came = match &answer {
            // It is written down, or is as soon as the disk takes it, and the chase is over with it.
            Answer::TakenOn | Answer::Settled(_) => {
                called_off(&mut self.over, &mut self.desk.resting).await;
                return Ok(More::No);
            }
            Answer::Next => Came::Next,
            Answer::Nothing(_) => Came::Nothing,
            Answer::Busy(_) => Came::Busy,
            Answer::Stopped => Came::Interrupted,
        };
        let now = Timestamp::now();
        self.chase.progress.came(now, came);
        let detail = format!("{} was phoned: {}", candidate.person.name, answer.in_words());
        let logged = matches!(came, Came::Next | Came::Nothing);
        self.keep(move |store, chase| match logged {
            true => store.chase_came(chase, &detail, now),
            false => store.chase_came_to(chase),
        })
        .await
    }

    async fn phone(&self, plan: &Plan, candidate: &Candidate) -> Answer {
        let Some(routed) = self.chase.case.routed().cloned() else { return Answer::Stopped };
        let roster = self.desk.snapshot.borrow().roster.clone();
        let time = story::clock(&roster, &plan.route.policy.levels, routed.started_at);
        let (case, recordings) = (self.chase.case.clone(), self.desk.recordings.clone());
        let story = blocking(move || story::story(&case, &routed, &recordings, time)).await;
        let now = Timestamp::now();
        let asked = Asked {
            call: CallId::new(now, rand::random()),
            incident: self.chase.incident.to_string(),
            hotline: plan.hotline.clone(),
            person: candidate.person.clone(),
            phones: candidate.phones.clone(),
            ring: plan.route.ring,
            story,
        };
        let house = House { clock: Clock::starting_at(now), ..self.desk.house.clone() };
        let mut over = self.over.clone();
        let over = async move {
            if over.wait_for(|over| *over).await.is_err() {
                std::future::pending::<()>().await;
            }
            "somebody has taken care of it".to_owned()
        };
        call::chase::run(asked, over, self.take_on(candidate.person.id.to_string()), house).await
    }

    /// Writes down that somebody has taken it on; `false`: somebody else was first.
    async fn take_on(&self, person: String) -> bool {
        self.fact(Timestamp::now(), Fact::Acknowledged { by: person.clone() });
        if !self.desk.house.journal.durable(DISK_PATIENCE).await {
            // It is in memory, and written once the disk is back.
            return true;
        }
        let (store, incident) = (self.desk.store.clone(), self.chase.incident);
        let by = blocking(move || store.reader().incident(incident)).await;
        by.ok().flatten().and_then(|(row, _)| row.acknowledged_by).is_none_or(|by| by == person)
    }

    /// There is nobody left to ask. It is told to whoever knows of the incident.
    async fn give_up(&self, why: &str) -> Result<More, StoreError> {
        let text = format!(
            "{}{}.",
            why.get(..1).unwrap_or_default().to_uppercase(),
            why.get(1..).unwrap_or_default()
        );
        self.fact(Timestamp::now(), Fact::Noted { by: OURSELVES.to_owned(), text });
        tracing::warn!(incident = self.chase.incident, "a chase is over: {why}");
        let (store, chase) = (self.desk.store.clone(), self.chase.clone());
        blocking(move || store.chase_over(&chase)).await?;
        Ok(More::No)
    }

    fn fact(&self, at: Timestamp, fact: Fact) {
        self.desk.house.journal.write(Record::Fact { call: self.chase.call, at, fact: Box::new(fact) });
    }

    /// Writes to the database how far it has come. No more: it does not run any more.
    async fn keep(
        &self,
        write: impl FnOnce(&Arc<Store>, &Chase) -> Result<bool, StoreError> + Send + 'static,
    ) -> Result<More, StoreError> {
        let (store, chase) = (self.desk.store.clone(), self.chase.clone());
        let runs = blocking(move || write(&store, &chase)).await?;
        Ok(if runs { More::Yes } else { More::No })
    }
}

/// Until the database says that nobody is needed any more, or the daemon ends: while it does not yet, whoever has just
/// taken it on would be phoned again.
async fn called_off(over: &mut watch::Receiver<bool>, resting: &mut watch::Receiver<bool>) {
    tokio::select! {
        biased;
        _ = resting.wait_for(|rests| *rests) => {}
        _ = over.wait_for(|over| *over) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chase_that_somebody_has_ended_begins_nothing_before_the_disk_knows() {
        let ((over, mut is_over), (rest, mut resting)) = (watch::channel(false), watch::channel(false));
        let minute = std::time::Duration::from_secs(60);
        tokio::time::timeout(minute, called_off(&mut is_over, &mut resting)).await.unwrap_err();
        over.send_replace(true);
        called_off(&mut is_over, &mut resting).await;
        over.send_replace(false);
        rest.send_replace(true);
        called_off(&mut is_over, &mut resting).await;
    }
}
