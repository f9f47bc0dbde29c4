//! Overrides: who stands in, comes along or is left out.

use toml::Spanned;

use super::{Compiler, Mention};
use crate::oncall::name::{ScheduleId, Target};
use crate::oncall::roster::Roster;
use crate::oncall::schedule::{Member, Origin, Override, OverrideKind};
use crate::oncall::settings::{Names, OverrideEntry};
use crate::oncall::zone::Zone;
use crate::problem::{Problem, nearest};

impl Roster {
    /// Reads an override that is to be added to a schedule of this roster. The faults have no places.
    pub fn read_override(
        &self,
        schedule: &ScheduleId,
        entry: &OverrideEntry,
    ) -> Result<Override, Vec<Problem>> {
        let mut compiler = Compiler { roster: self.clone(), ..Compiler::default() };
        let Some(known) = self.schedules.get(schedule) else {
            compiler.mention(None, &Target::Schedule(schedule.clone()), 0..0);
            compiler.check_mentions();
            return Err(compiler.problems);
        };
        let rotations: Vec<&str> = known.rotations.iter().map(|rotation| rotation.name.as_str()).collect();
        let read = compiler.override_entry(schedule, &rotations, entry, &known.timezone);
        compiler.check_known();
        compiler.mentions.extend(self.mentions());
        compiler.check_circles();
        read.filter(|_| compiler.problems.is_empty()).ok_or(compiler.problems)
    }

    /// Who takes part in what, without places.
    fn mentions(&self) -> Vec<Mention> {
        let teams = self.teams.values().flat_map(|team| {
            let targets = team.levels.iter().flatten();
            targets.map(|target| (Target::Team(team.id.clone()), target))
        });
        let escalations = self.escalations.values().flat_map(|escalation| {
            let targets = escalation.levels.iter().flat_map(|level| &level.targets);
            targets.map(|target| (Target::Escalation(escalation.id.clone()), target))
        });
        let schedules = self.schedules.values().flat_map(|schedule| {
            let turns = schedule.rotations.iter().flat_map(|rotation| &rotation.people);
            let takes_part = |over: &&Override| over.kind != OverrideKind::Remove;
            let overrides = schedule.overrides.iter().filter(takes_part).map(|over| &over.member);
            let targets = turns.chain(overrides).filter_map(Member::target);
            targets.map(|target| (Target::Schedule(schedule.id.clone()), target))
        });
        let mention = |(inside, target): (Target, &Target)| Mention {
            inside: Some(inside),
            target: target.clone(),
            span: 0..0,
        };
        teams.chain(escalations).chain(schedules).map(mention).collect()
    }
}

impl Compiler {
    pub(super) fn override_entry(
        &mut self,
        schedule: &ScheduleId,
        rotations: &[&str],
        entry: &OverrideEntry,
        zone: &Zone,
    ) -> Option<Override> {
        let kind = entry.kind.as_ref().map_or(Some(OverrideKind::Replace), |word| self.override_kind(word));
        let member = self.override_member(schedule, entry, kind);
        let instead_of = entry.instead_of.as_ref().map(|text| self.instead_of(text, kind));
        if let Some(names) = &entry.rotation {
            self.check_rotations(rotations, names);
        }
        let from = self.wall(&entry.from);
        let until = self.end(from, &entry.until, zone);
        Some(Override {
            member: member?,
            kind: kind?,
            instead_of: instead_of.flatten(),
            rotations: entry.rotation.as_ref().map_or_else(Vec::new, |names| names.get_ref().all().to_vec()),
            from: from?,
            until: until?,
            origin: Origin::File,
        })
    }

    fn override_kind(&mut self, word: &Spanned<String>) -> Option<OverrideKind> {
        let kind = OverrideKind::from_word(word.get_ref());
        if kind.is_none() {
            let message = format!("`{}` is no kind of override", word.get_ref());
            let help = "`replace`: instead of who is on call; `add`: beside them; `remove`: not this one";
            self.error(word.span(), message, help);
        }
        kind
    }

    fn override_member(
        &mut self,
        schedule: &ScheduleId,
        entry: &OverrideEntry,
        kind: Option<OverrideKind>,
    ) -> Option<Member> {
        let member = self.read::<Member>(&entry.person)?;
        match &member {
            Member::Nobody if kind != Some(OverrideKind::Replace) => {
                let help = "write who is added or removed; nobody at all is `kind = \"replace\"`";
                return self.refuse(entry.person.span(), "nobody cannot be added or removed", help);
            }
            Member::Nobody => {}
            Member::Target(target) => {
                let inside = Target::Schedule(schedule.clone());
                let takes_part = kind != Some(OverrideKind::Remove);
                self.mention(takes_part.then_some(&inside), target, entry.person.span());
            }
        }
        Some(member)
    }

    fn instead_of(&mut self, text: &Spanned<String>, kind: Option<OverrideKind>) -> Option<Target> {
        let Member::Target(target) = self.read::<Member>(text)? else {
            return self.refuse(text.span(), "nobody can be stood in for", "write a person's id");
        };
        if kind != Some(OverrideKind::Replace) {
            let help = "take it out, or `kind`";
            return self.refuse(text.span(), "`instead_of` belongs to an override that replaces", help);
        }
        self.mention(None, &target, text.span());
        Some(target)
    }

    fn check_rotations(&mut self, known: &[&str], names: &Spanned<Names>) {
        for name in names.get_ref().all().iter().filter(|name| !known.contains(&name.as_str())) {
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a rotation of the same schedule".to_owned(),
            };
            self.error(names.span(), format!("this schedule has no rotation `{name}`"), &help);
        }
    }
}
