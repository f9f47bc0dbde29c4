//! Overrides: who stands in, comes along or is left out.

use toml::Spanned;

use super::Compiler;
use crate::oncall::name::{ScheduleId, Target};
use crate::oncall::schedule::{Member, Origin, Override, OverrideKind};
use crate::oncall::settings::{Names, OverrideEntry, ScheduleEntry};
use crate::oncall::zone::Zone;
use crate::problem::nearest;

impl Compiler {
    pub(super) fn override_entry(
        &mut self,
        schedule: &ScheduleEntry,
        entry: &OverrideEntry,
        zone: &Zone,
    ) -> Option<Override> {
        let kind = entry.kind.as_ref().map_or(Some(OverrideKind::Replace), |word| self.override_kind(word));
        let member = self.override_member(schedule, entry, kind);
        let instead_of = entry.instead_of.as_ref().map(|text| self.instead_of(text, kind));
        if let Some(names) = &entry.rotation {
            self.check_rotations(schedule, names);
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
        schedule: &ScheduleEntry,
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
                let inside = Target::Schedule(ScheduleId::new(schedule.id.get_ref()));
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

    fn check_rotations(&mut self, schedule: &ScheduleEntry, names: &Spanned<Names>) {
        let known: Vec<&str> = schedule.rotations.iter().map(|entry| entry.name.get_ref().as_str()).collect();
        for name in names.get_ref().all().iter().filter(|name| !known.contains(&name.as_str())) {
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a rotation of the same schedule".to_owned(),
            };
            self.error(names.span(), format!("this schedule has no rotation `{name}`"), &help);
        }
    }
}
