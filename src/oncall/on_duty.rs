//! From a schedule's duties to people: who is on call there at the instant of an unfolding.

use crate::oncall::duty::{Duty, Exception, Rule};
use crate::oncall::name::{PersonId, ScheduleId, Target};
use crate::oncall::schedule::Schedule;
use crate::oncall::unfold::{DeadEndKind, Rank, Unfolding, merge, step};

impl Unfolding<'_> {
    /// Unfolds a schedule into those who are on call there.
    pub(super) fn schedule(&mut self, id: &ScheduleId, path: &str) -> Vec<Rank> {
        let Some(schedule) = self.roster.schedules.get(id) else { return Vec::new() };
        if !schedule.enabled {
            return self.dead_end(path, DeadEndKind::NotEnabled(id.clone()));
        }
        if let Some(edges) = &mut self.edges {
            schedule.note_edges(edges, self.at);
        }
        let duties = schedule.duties(self.at);
        let on_purpose = duties.iter().find(|duty| duty.target.is_none());
        let mut ranks = Vec::new();
        let mut left_out = Vec::new();
        for duty in &duties {
            merge(&mut ranks, self.duty(schedule, duty, path, &mut left_out));
        }
        let is_gap = duties.iter().all(|duty| duty.target.is_none());
        let nobody = match (ranks.is_empty(), &left_out[..]) {
            (false, _) => None,
            (true, [(_, rule), ..]) => Some(rule.clone()),
            (true, []) => on_purpose.map(|duty| schedule.say_rule(&duty.rule, self.at)),
        };
        if is_gap || nobody.is_some() {
            let kind = DeadEndKind::NobodyOnCall { schedule: id.clone(), on_purpose: nobody };
            return self.dead_end(path, kind);
        }
        for (who, rule) in left_out {
            self.dead_end(path, DeadEndKind::LeftOut { schedule: id.clone(), who, rule });
        }
        ranks
    }

    /// Those whose duty it is, without those whom overrides leave out; they are noted with the rule.
    fn duty(
        &mut self,
        schedule: &Schedule,
        duty: &Duty<'_>,
        path: &str,
        left_out: &mut Vec<(PersonId, String)>,
    ) -> Vec<Rank> {
        let Some(target) = &duty.target else { return Vec::new() };
        let at = self.at;
        let way = |rule: &Rule<'_>| {
            let rule = schedule.say_rule(rule, at);
            step(path, &format!("on call in schedule {} ({rule})", schedule.id))
        };
        let mut ranks = self.target(target, &way(&duty.rule));
        for Exception { who, instead, rule } in &duty.exceptions {
            let Target::Person(who) = who else { continue };
            if !ranks.iter().flatten().any(|found| found.person == *who) {
                continue;
            }
            match instead {
                Some(target) => ranks = replaced(ranks, who, &self.target(target, &way(rule))),
                None => {
                    left_out.push((who.clone(), schedule.say_rule(rule, at)));
                    ranks = replaced(ranks, who, &[]);
                }
            }
        }
        ranks
    }
}

/// Ranks in which others stand where somebody stood: their first rank in that place, their next ones in
/// the ranks after it.
fn replaced(ranks: Vec<Rank>, who: &PersonId, others: &[Rank]) -> Vec<Rank> {
    let mut all: Vec<Rank> = Vec::new();
    let (first, next) = others.split_first().map_or((&[][..], others), |(first, next)| (&first[..], next));
    for (index, rank) in ranks.into_iter().enumerate() {
        let is_there = rank.iter().any(|found| found.person == *who);
        let in_place = rank.into_iter().flat_map(|found| match found.person == *who {
            true => first.to_vec(),
            false => vec![found],
        });
        merge(&mut all, at_rank(index, [in_place.collect()]));
        if is_there {
            merge(&mut all, at_rank(index + 1, next.iter().cloned()));
        }
    }
    all.retain(|rank| !rank.is_empty());
    all
}

/// Ranks, moved back by so many places.
fn at_rank(index: usize, ranks: impl IntoIterator<Item = Rank>) -> Vec<Rank> {
    std::iter::repeat_with(Rank::new).take(index).chain(ranks).collect()
}
