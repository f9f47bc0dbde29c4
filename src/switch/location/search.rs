//! The search for a server (RFC 3263 4.1 and 4.2): what to ask next, and what has been found. It asks
//! nothing itself: questions come out of it in batches, and answers go in.

use std::cmp::{Ordering, Reverse};
use std::net::IpAddr;
use std::time::Duration;

use super::choice::{Found, Location, Target};
use super::records::{Answer, Kind, Naptr, Question, Record, Srv};
use crate::sip::Transport;

/// Hosts of one server; more of them are left out.
const MAX_TARGETS: usize = 16;
/// Addresses of one host; more of them are left out.
const MAX_ADDRESSES: usize = 8;

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The transport that the settings name: no other is taken.
    pub transport: Transport,
    /// The server's name.
    pub host: String,
    /// Its port; without one NAPTR and SRV are asked.
    pub port: Option<u16>,
    /// The families of addresses that can be reached from here, the preferred one first.
    pub families: Vec<Kind>,
}

impl Wanted {
    /// The port that is written, or the usual one of the transport.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport.default_port())
    }

    /// The service field of its NAPTR records.
    fn service(&self) -> &'static str {
        match self.transport {
            Transport::Udp => "SIP+D2U",
            Transport::Tcp => "SIP+D2T",
            Transport::Tls => "SIPS+D2T",
        }
    }

    /// The name of the SRV records of a server that has no NAPTR.
    fn service_name(&self) -> String {
        let label = match self.transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
        };
        format!("{label}.{}", self.host)
    }
}

/// What led to a server's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The address is written in the settings.
    Literal,
    /// A line of the hosts file.
    HostsFile,
    /// NAPTR, then SRV (or, with the flag `a`, addresses).
    Naptr,
    /// SRV.
    Srv,
    /// A and AAAA alone.
    Address,
}

impl Way {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Literal => "address",
            Self::HostsFile => "hosts file",
            Self::Naptr => "NAPTR",
            Self::Srv => "SRV",
            Self::Address => "A/AAAA",
        }
    }
}

/// Why a server has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The name servers say so.
    #[error("{0}")]
    Absent(String),
    /// They did not say: nothing is known of it.
    #[error("{0}")]
    Failed(String),
}

#[derive(Debug)]
enum Stage {
    /// NAPTR of the host and, in the same breath, the SRV that it has without any.
    Services,
    /// SRV of the names that NAPTR gave.
    Named,
    /// A and AAAA of the targets.
    Addresses,
}

/// What a NAPTR record leads to (RFC 3403 4.1; RFC 3263 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Leads {
    /// Flag `s`: the name of SRV records.
    Service(String),
    /// Flag `a`: a host.
    Host(String),
}

/// One search.
#[derive(Debug)]
pub struct Search {
    wanted: Wanted,
    /// SRV was there the last time: a failure to ask for it is not taken for its absence.
    had_services: bool,
    stage: Stage,
    way: Way,
    /// Where NAPTR leads, by rank.
    leads: Vec<Leads>,
    targets: Vec<Target>,
    lives: Duration,
}

impl Search {
    /// Begins a search. `had_services`: the last finding came by NAPTR or SRV.
    #[must_use]
    pub fn new(wanted: Wanted, had_services: bool) -> Self {
        let port = wanted.port;
        let mut search = Self {
            wanted,
            had_services,
            stage: Stage::Services,
            way: Way::Address,
            leads: Vec::new(),
            targets: Vec::new(),
            lives: Duration::MAX,
        };
        if let Some(port) = port {
            search.host_alone(port);
        }
        search
    }

    /// What to ask now, all at once.
    pub fn questions(&self) -> Vec<Question> {
        match self.stage {
            Stage::Services => vec![
                Question::new(&self.wanted.host, Kind::Naptr),
                Question::new(self.wanted.service_name(), Kind::Srv),
            ],
            Stage::Named => self.service_names().map(|(_, name)| Question::new(name, Kind::Srv)).collect(),
            Stage::Addresses => {
                let families = &self.wanted.families;
                let of = |target: &Target| {
                    let host = target.host.clone();
                    families.iter().map(move |family| Question::new(&host, *family)).collect::<Vec<_>>()
                };
                self.targets.iter().flat_map(of).collect()
            }
        }
    }

    /// Takes the answers to all questions, in their order. Nothing: there is more to be asked.
    pub fn answered(&mut self, answers: &[Answer]) -> Option<Result<Found, NotFound>> {
        answers.iter().for_each(|answer| self.note_life(answer));
        match self.stage {
            Stage::Services => {
                let (naptr, srv) = (answers.first()?, answers.get(1)?);
                self.leads = self.leads_of(naptr);
                if self.leads.is_empty() {
                    return self.services_found(&[(0, srv.clone())], Way::Srv).err().map(Err);
                }
                self.add_hosts();
                self.stage = Stage::Named;
                if self.service_names().next().is_some() {
                    return None;
                }
                self.services_found(&[], Way::Naptr).err().map(Err)
            }
            Stage::Named => {
                let ranks: Vec<u32> = self.service_names().map(|(rank, _)| rank).collect();
                let answers: Vec<_> = ranks.into_iter().zip(answers.iter().cloned()).collect();
                self.services_found(&answers, Way::Naptr).err().map(Err)
            }
            Stage::Addresses => Some(self.addresses_found(answers)),
        }
    }

    fn note_life(&mut self, answer: &Answer) {
        match answer {
            Answer::Found(_, lives) | Answer::Nothing(Some(lives)) => self.lives = self.lives.min(*lives),
            Answer::Nothing(None) | Answer::Failed(_) => {}
        }
    }

    /// Where the NAPTR records lead that are of our transport, the first choice first. A failure counts
    /// as none: SRV says nearly the same.
    fn leads_of(&self, answer: &Answer) -> Vec<Leads> {
        let Answer::Found(records, _) = answer else { return Vec::new() };
        let ours = |record: &Record| match record {
            Record::Naptr(naptr) if naptr.service.eq_ignore_ascii_case(self.wanted.service()) => {
                Some(naptr.clone())
            }
            _ => None,
        };
        let mut records: Vec<Naptr> = records.iter().filter_map(ours).collect();
        records.sort_by_key(|naptr| (naptr.order, naptr.preference));
        let lead = |naptr: Naptr| match naptr.flags.to_ascii_lowercase().as_str() {
            _ if naptr.replacement.is_empty() => None,
            "s" => Some(Leads::Service(naptr.replacement)),
            "a" => Some(Leads::Host(naptr.replacement)),
            _ => None,
        };
        records.into_iter().filter_map(lead).take(MAX_TARGETS).collect()
    }

    fn service_names(&self) -> impl Iterator<Item = (u32, &str)> {
        (0_u32..).zip(&self.leads).filter_map(|(rank, lead)| match lead {
            Leads::Service(name) => Some((rank, name.as_str())),
            Leads::Host(_) => None,
        })
    }

    fn add_hosts(&mut self) {
        let port = self.wanted.transport.default_port();
        let hosts = (0_u32..).zip(&self.leads).filter_map(|(rank, lead)| match lead {
            Leads::Host(host) => Some(target(rank << u16::BITS, 0, host, port)),
            Leads::Service(_) => None,
        });
        self.targets.extend(hosts);
    }

    /// The SRV records are known: their hosts, or the server's own name where there are none.
    fn services_found(&mut self, answers: &[(u32, Answer)], way: Way) -> Result<(), NotFound> {
        let mut refused = false;
        for (rank, answer) in answers {
            let Answer::Found(records, _) = answer else { continue };
            for srv in records.iter().filter_map(service) {
                refused |= srv.target.is_empty();
                if !srv.target.is_empty() {
                    let rank = (rank << u16::BITS) | u32::from(srv.priority);
                    self.targets.push(target(rank, srv.weight, &srv.target, srv.port));
                }
            }
        }
        self.targets.sort_by(steady);
        self.targets.truncate(MAX_TARGETS);
        if !self.targets.is_empty() {
            self.stage = Stage::Addresses;
            self.way = way;
            return Ok(());
        }
        if refused {
            let (host, transport) = (&self.wanted.host, self.wanted.transport.via_name());
            return Err(NotFound::Absent(format!("{host} says that it takes no SIP over {transport}")));
        }
        let failed = answers.iter().find_map(|(_, answer)| match answer {
            Answer::Failed(why) => Some(why),
            _ => None,
        });
        if let Some(why) = failed.filter(|_| self.had_services) {
            return Err(NotFound::Failed(format!("SRV of {}: {why}", self.wanted.host)));
        }
        self.host_alone(self.wanted.port());
        Ok(())
    }

    fn host_alone(&mut self, port: u16) {
        self.targets = vec![target(0, 0, &self.wanted.host, port)];
        self.stage = Stage::Addresses;
        self.way = Way::Address;
    }

    fn addresses_found(&mut self, answers: &[Answer]) -> Result<Found, NotFound> {
        let families = self.wanted.families.len().max(1);
        let mut failed = None;
        for (target, answers) in self.targets.iter_mut().zip(answers.chunks(families)) {
            for answer in answers {
                match answer {
                    Answer::Found(records, _) => target.addresses.extend(addresses(records)),
                    Answer::Failed(why) => failed = Some(format!("{}: {why}", target.host)),
                    Answer::Nothing(_) => {}
                }
            }
            target.addresses.truncate(MAX_ADDRESSES);
        }
        let asked: Vec<_> = self.targets.iter().map(|target| target.host.clone()).collect();
        self.targets.retain(|target| !target.addresses.is_empty());
        if self.targets.is_empty() {
            return Err(match failed {
                Some(why) => NotFound::Failed(why),
                None => NotFound::Absent(format!("{} has no address", asked.join(", "))),
            });
        }
        let location = Location { targets: std::mem::take(&mut self.targets), way: self.way };
        Ok(Found { location, lives: self.lives })
    }
}

/// By rank, then the heaviest first, whatever order a name server shuffles them into.
fn steady(one: &Target, other: &Target) -> Ordering {
    let key = |target: &Target| (target.rank, Reverse(target.weight), target.port);
    key(one).cmp(&key(other)).then_with(|| one.host.cmp(&other.host))
}

fn target(rank: u32, weight: u16, host: &str, port: u16) -> Target {
    Target { rank, weight, host: host.to_owned(), port, addresses: Vec::new() }
}

fn service(record: &Record) -> Option<&Srv> {
    match record {
        Record::Srv(srv) => Some(srv),
        Record::Naptr(_) | Record::Address(_) => None,
    }
}

/// In a steady order, so that a name server that shuffles them changes nothing.
fn addresses(records: &[Record]) -> Vec<IpAddr> {
    let address = |record: &Record| match record {
        Record::Address(address) => Some(*address),
        Record::Naptr(_) | Record::Srv(_) => None,
    };
    let mut addresses: Vec<_> = records.iter().filter_map(address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
