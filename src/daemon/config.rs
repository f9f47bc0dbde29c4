//! `nightbell.toml` and `oncall.toml`: reads them, lets every room check its own part, and
//! collects what they find.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::call::compile::{Compiled, NotifyTarget, Surroundings, compile};
use crate::call::plan::Hotline;
use crate::call::prompt::{Piece, Prompt};
use crate::call::settings::{CallerIdSetting, HotlineSettings, RouteSettings};
use crate::daemon::alarms::{AlarmsSettings, Watched};
use crate::daemon::expect::Expectation;
use crate::daemon::feeds::{CalendarSettings, Wanted};
use crate::daemon::findings::{Findings, Source};
use crate::daemon::messages::{Handling, VoicemailSettings};
use crate::daemon::parse::parse;
use crate::daemon::reading::{read, secret};
use crate::daemon::retention::{Retention, RetentionSettings};
use crate::daemon::storage::StorageSettings;
use crate::daemon::transcript::{self, TranscriptSettings, Transcription};
use crate::notify::compile::{Reading, compile as compile_targets};
use crate::notify::http::Client;
use crate::notify::{Class, Delivering, IncidentsSettings, Link, Target, TargetSettings};
use crate::oncall::{OncallFile, Phone, Roster, Way};
use crate::problem::{Problem, nearest};
use crate::sip::Forwarded;
use crate::store::{Finds, WayTarget};
use crate::switch::addresses::{Addresses, compile_addresses};
use crate::switch::prompts::{Library, PromptError, Sources, VoiceCommand, VoiceSettings};
use crate::switch::settings::{MediaSettings, SipSettings, TrunkSettings};
use crate::switch::trunks::{Trunk, compile_trunks};

/// Where the settings are looked for when none are named.
pub const PLACES: [&str; 2] = ["/etc/nightbell/nightbell.toml", "config/nightbell.toml"];

/// `nightbell.toml`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Database, recordings, rendered prompts.
    #[serde(default = "default_data_dir")]
    data_dir: PathBuf,
    /// The on-call file, applied at start and on reload.
    oncall: Option<Spanned<PathBuf>>,
    #[serde(default)]
    sip: SipSettings,
    #[serde(default)]
    media: MediaSettings,
    /// Renders `say` texts.
    voice: Option<VoiceSettings>,
    /// Where entries go while the database does not take them.
    #[serde(default)]
    storage: StorageSettings,
    /// Who is told when Nightbell itself is in trouble.
    #[serde(default)]
    alarms: AlarmsSettings,
    /// How calendars from elsewhere are read.
    calendars: Option<Spanned<CalendarSettings>>,
    #[serde(default)]
    trunks: Vec<TrunkSettings>,
    #[serde(default)]
    hotlines: Vec<HotlineSettings>,
    /// What all incidents have in common.
    #[serde(default)]
    incidents: IncidentsSettings,
    /// Who is told of incidents.
    #[serde(default)]
    notify: Vec<TargetSettings>,
    /// For how long things are kept.
    #[serde(default)]
    retention: RetentionSettings,
    /// What is done with recordings.
    #[serde(default)]
    voicemail: VoicemailSettings,
    /// Writes messages out.
    transcript: Option<TranscriptSettings>,
    /// What certain calls are to come to.
    #[serde(default)]
    expect: Vec<Expectation>,
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("/var/lib/nightbell")
}

/// Settings that were read. What is wrong with them is in the findings beside them.
#[derive(Debug)]
pub struct Config {
    /// The settings file.
    pub source: Arc<Source>,
    /// Database, recordings, rendered prompts.
    pub data_dir: PathBuf,
    /// Where entries go while the database does not take them.
    pub spool: PathBuf,
    /// The on-call file and what it says, where one is named and could be read.
    pub oncall: Option<(Arc<Source>, Roster)>,
    /// How calendars from elsewhere are read.
    pub calendars: CalendarSettings,
    /// For how long things are kept.
    pub retention: Retention,
    /// What is done with recordings.
    pub voicemail: Handling,
    /// Where to listen.
    pub addresses: Addresses,
    /// The trunks.
    pub trunks: Vec<Trunk>,
    /// Who is told of incidents.
    pub targets: Vec<Arc<Target>>,
    /// Who is told when Nightbell itself is in trouble.
    pub alarms: AlarmsSettings,
    /// Where a person reads more of an incident.
    pub link: Option<Link>,
    /// Writes messages out.
    pub transcript: Option<Transcription>,
    /// What certain calls are to come to.
    pub expect: Vec<Expectation>,
    voice: Option<VoiceCommand>,
    hotlines: Vec<HotlineSettings>,
}

/// Hotlines and their prompts, ready for calls.
#[derive(Debug)]
pub struct Plan {
    /// The hotlines.
    pub hotlines: Vec<Arc<Hotline>>,
    /// Their prompts.
    pub library: Library,
}

/// The settings file to use: the one named, or the first of the usual places that exists.
pub fn find(named: Option<&Path>) -> Option<PathBuf> {
    match named {
        Some(path) => Some(path.to_owned()),
        None => PLACES.iter().map(PathBuf::from).find(|path| path.exists()),
    }
}

/// The targets that routes name, and the routes of their menus.
fn told_of(routes: &[RouteSettings]) -> Vec<&Spanned<String>> {
    let mut told = Vec::new();
    for route in routes {
        told.extend(route.incident.iter().flat_map(|incident| incident.notify.iter().flatten()));
        told.extend(told_of(&route.routes));
    }
    told
}

/// Targets of which alarms and routes think that somebody is told, and that know nobody.
fn tell_nobody(file: &File, targets: &[Arc<Target>]) -> Vec<Problem> {
    let told = file.hotlines.iter().flat_map(|hotline| told_of(&hotline.routes));
    let named = told.chain(&file.alarms.notify);
    let knows_nobody = |name: &Spanned<String>| {
        targets.iter().any(|target| target.name == *name.get_ref() && target.is_for_people_alone())
    };
    named
        .filter(|name| knows_nobody(name))
        .map(|name| {
            let message = format!("`{}` would tell nobody: it has no `to`", name.get_ref());
            Problem::error(name.span(), message).help("write `to` into its [[notify]], or take it out here")
        })
        .collect()
}

impl Config {
    /// Reads the settings file and the on-call file. Without a `Config`, nothing can go on.
    pub fn load(path: &Path) -> (Option<Self>, Findings) {
        let mut findings = Findings::default();
        let Some(source) = read(path, &mut findings, None) else { return (None, findings) };
        let (file, problems) = parse::<File>(&source.text);
        findings.add(&source, problems);
        let config = file.map(|file| Self::of_file(file, source, &mut findings));
        (config, findings)
    }

    fn of_file(file: File, source: Arc<Source>, findings: &mut Findings) -> Self {
        let folder = source.path.parent().unwrap_or(Path::new(""));
        let mut problems = Vec::new();
        let addresses = compile_addresses(&file.sip, &file.media, folder, &mut problems);
        let trunks = compile_trunks(&file.trunks, &addresses.listen, folder, &mut problems);
        problems.extend(file.voice.iter().flat_map(VoiceSettings::problems));
        problems.extend(file.calendars.iter().filter_map(|written| {
            let fault = written.get_ref().fault()?;
            Some(Problem::error(written.span(), fault).help("as in every = \"15m\""))
        }));
        problems.extend(file.storage.problem(folder));
        let link = file.incidents.link.as_ref().and_then(|link| Link::compile(link, &mut problems));
        let targets = compile_targets(&file.notify, Reading { folder, secret, problems: &mut problems });
        let (retention, found) = file.retention.compile();
        problems.extend(found);
        let (voicemail, found) = file.voicemail.compile();
        problems.extend(found);
        problems.extend(file.alarms.problems(&targets));
        problems.extend(tell_nobody(&file, &targets));
        let transcript = file.transcript.as_ref().and_then(|written| written.compile(folder, &mut problems));
        if file.hotlines.is_empty() {
            problems.push(Problem::error(0..0, "there is no hotline").help("add a [[hotlines]]"));
        }
        findings.add(&source, problems);
        let oncall = file.oncall.as_ref().and_then(|written| {
            let path = folder.join(written.get_ref());
            let oncall = read(&path, findings, Some((&source, written.span())))?;
            let roster = read_roster(&oncall, findings)?;
            Some((oncall, roster))
        });
        let data_dir = folder.join(&file.data_dir);
        Self {
            spool: file.storage.spool(folder, &data_dir),
            data_dir,
            oncall,
            calendars: file.calendars.map(Spanned::into_inner).unwrap_or_default(),
            retention,
            voicemail,
            addresses,
            trunks,
            targets,
            alarms: file.alarms,
            link,
            transcript,
            voice: file.voice.as_ref().map(VoiceSettings::command),
            hotlines: file.hotlines,
            expect: file.expect,
            source,
        }
    }

    /// How calendars are to be read. Those that are files lie beside the on-call file, or, where there is none, beside
    /// the settings.
    pub fn wanted_calendars(&self) -> Wanted {
        let beside = self.oncall.as_ref().map_or(&self.source, |(source, _)| source);
        let folder = beside.path.parent().unwrap_or(Path::new("")).to_owned();
        Wanted { folder, settings: self.calendars }
    }

    /// What alarms go by.
    pub fn watched(&self) -> Watched {
        Watched { alarms: self.alarms.clone(), calendars: self.calendars }
    }

    /// What targets are told with.
    pub fn delivering(&self, client: &Client) -> Delivering {
        Delivering {
            client: client.clone(),
            recordings: self.data_dir.join("recordings"),
            link: self.link.clone(),
        }
    }

    /// What is to be done with messages.
    pub fn wanted_transcripts(&self) -> transcript::Wanted {
        let languages =
            self.hotlines.iter().map(|hotline| (hotline.name.get_ref().clone(), hotline.language)).collect();
        transcript::Wanted { transcription: self.transcript.clone(), languages }
    }

    /// Compiles the hotlines against the people there are.
    pub fn hotlines(&self, roster: &Roster, findings: &mut Findings) -> Compiled {
        let trunks: Vec<_> = self.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let told = |target: &Arc<Target>| !matches!(target.facts.class, Class::Mail | Class::TextMessage);
        let targets: Vec<_> = self
            .targets
            .iter()
            .map(|target| NotifyTarget { name: &target.name, usual: told(target) })
            .collect();
        let around = Surroundings {
            roster,
            trunks: &trunks,
            targets: &targets,
            voice: self.voice.is_some(),
            secret,
            folder: self.source.path.parent().unwrap_or(Path::new("")),
        };
        let compiled = compile(&self.hotlines, around);
        findings.add(&self.source, compiled.problems.clone());
        self.check_reach(roster, findings);
        self.check_ways(roster, findings);
        self.check_forwarded(&compiled.hotlines, findings);
        compiled
    }

    /// Compiles the hotlines and renders their prompts. Blocks while the voice command speaks.
    pub fn plan(&self, roster: &Roster, findings: &mut Findings) -> Plan {
        let compiled = self.hotlines(roster, findings);
        let prompts: Vec<Prompt> =
            compiled.hotlines.iter().flat_map(|hotline| hotline.all_prompts()).collect();
        let (library, errors) = Library::load(prompts, &self.sources());
        findings.add(&self.source, errors.iter().map(|error| misses(error, &compiled)));
        Plan { hotlines: compiled.hotlines, library }
    }

    /// Where the ways lead that people name: to the first target of a kind, or to the one of that name.
    pub fn ways(&self) -> Vec<WayTarget> {
        let first = |way: Way, class, finds| {
            let target = self.targets.iter().find(|target| target.facts.class == class)?;
            Some(WayTarget { way: way.as_str().to_owned(), target: target.name.clone(), finds })
        };
        let kinds = [
            first(Way::Email, Class::Mail, Finds::Email),
            first(Way::Sms, Class::TextMessage, Finds::Number),
            first(Way::Chat, Class::Chat, Finds::Everybody),
        ];
        let named = self.targets.iter().map(|target| WayTarget {
            way: target.name.clone(),
            target: target.name.clone(),
            finds: match target.facts.class {
                Class::Mail => Finds::Email,
                Class::TextMessage => Finds::Number,
                Class::Incidents | Class::Chat | Class::Any => Finds::Everybody,
            },
        });
        kinds.into_iter().flatten().chain(named).collect()
    }

    /// Warns of people's own ways that lead nowhere.
    fn check_ways(&self, roster: &Roster, findings: &mut Findings) {
        let ways = self.ways();
        let known = || ways.iter().map(|known| known.way.as_str()).chain(["phone", "no-phone"]);
        for person in roster.people.values() {
            for way in person.notify.iter().filter(|way| known().all(|known| known != way.as_str())) {
                let message =
                    format!("{} is to be told by `{way}`, and no [[notify]] is for that", person.id);
                let words = Way::WORDS.iter().map(Way::as_str);
                let help = match (way, nearest(way.as_str(), known().chain(words))) {
                    (Way::Email, _) => "add a [[notify]] that sends mail".to_owned(),
                    (Way::Sms, _) => "add a [[notify]] that sends text messages".to_owned(),
                    (Way::Chat, _) => "add a [[notify]] for a chat".to_owned(),
                    (_, Some(near)) => format!("did you mean `{near}`?"),
                    (_, None) => "name phone, email, sms, chat or a [[notify]]".to_owned(),
                };
                findings.add(&self.source, [Problem::warning(0..0, message).help(help)]);
            }
            if person.notify.contains(&Way::Sms) && person.mobile().is_none() {
                let message = format!("{} is to be told by text message and has no number for it", person.id);
                let help = "add a number to the phones: text messages do not go to SIP addresses";
                findings.add(&self.source, [Problem::warning(0..0, message).help(help)]);
            }
        }
    }

    /// What prompts are made from.
    pub fn sources(&self) -> Sources {
        Sources {
            prompts_dir: self.data_dir.join("prompts"),
            voice: self.voice.clone(),
            wide: self.trunks.iter().any(Trunk::is_wide),
        }
    }

    /// Warns of phones that no trunk may dial.
    fn check_reach(&self, roster: &Roster, findings: &mut Findings) {
        let reached = |phone: &Phone| self.trunks.iter().any(|trunk| trunk.may_dial(phone));
        for person in roster.people.values() {
            for phone in person.confirmed_phones().filter(|phone| !reached(phone)) {
                let message = format!("no trunk may dial {phone} of {}", person.id);
                findings.add(&self.source, [Problem::warning(0..0, message).help(self.way_to_reach(phone))]);
            }
        }
    }

    /// Warns of trunks that are to be told who passes a call on, when no hotline passes numbers on.
    fn check_forwarded(&self, hotlines: &[Arc<Hotline>], findings: &mut Findings) {
        let shows_callers = |trunk: &Trunk| {
            hotlines.iter().any(|hotline| {
                hotline.caller_id == CallerIdSetting::Caller && hotline.trunks.contains(&trunk.name)
            })
        };
        let tells = |trunk: &&Trunk| trunk.identity.forwarded != Forwarded::None && !shows_callers(trunk);
        for trunk in self.trunks.iter().filter(tells) {
            let message = format!("forwarded of the trunk {} is never used", trunk.name);
            let help = "write caller_id = \"caller\" for a hotline that uses the trunk, or leave it out";
            findings.add(&self.source, [Problem::warning(0..0, message).help(help)]);
        }
    }

    /// What is missing for a phone that no trunk may dial.
    fn way_to_reach(&self, phone: &Phone) -> String {
        match self.trunks.iter().find(|trunk| trunk.lacks_server_for(phone)) {
            Some(trunk) => {
                format!("give the trunk {} a `server`: it has none that takes numbers", trunk.name)
            }
            None => "add the beginning of the number to the `destinations` of a trunk".to_owned(),
        }
    }
}

/// A piece that could not be loaded, or is not as it should be, at the place where it is written.
fn misses(error: &PromptError, compiled: &Compiled) -> Problem {
    let piece: &Piece = &error.piece;
    let written = compiled.pieces.iter().find(|(known, _)| known == piece).map(|(_, span)| span.clone());
    let problem = Problem::error(written.unwrap_or(0..0), error.message.clone()).help(error.help.clone());
    Problem { severity: error.severity, ..problem }
}

/// Reads an on-call file that is already in memory.
pub fn read_roster(source: &Arc<Source>, findings: &mut Findings) -> Option<Roster> {
    let (file, problems) = parse::<OncallFile>(&source.text);
    findings.add(source, problems);
    let (roster, problems) = file?.compile();
    findings.add(source, problems);
    Some(roster)
}

/// Reads an on-call file.
pub fn read_oncall(path: &Path, findings: &mut Findings) -> Option<(Arc<Source>, Roster)> {
    let source = read(path, findings, None)?;
    let roster = read_roster(&source, findings)?;
    Some((source, roster))
}
