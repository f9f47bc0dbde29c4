//! The questions on the wire: name servers by UDP and TCP, and the hosts file before them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, Resolver, TokioResolver, system_conf};
use tokio::task::JoinSet;

use super::choice::{Found, Location, Target};
use super::records::{Answer, Kind, Naptr, Question, Record, Srv};
use super::search::{Wanted, Way};

/// How long a name server may take to answer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often it is asked.
const ATTEMPTS: usize = 2;
/// How long lines of the hosts file are used before they are read again.
const HOSTS_FILE: Duration = Duration::from_secs(60);
/// Records of one answer; more of them are left out.
const MAX_RECORDS: usize = 64;

/// Whom to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Resolvers {
    /// The name servers of resolv.conf.
    #[default]
    System,
    /// These.
    Named(Vec<SocketAddr>),
}

/// Asks the questions of one search. It is made anew for each, so that it has seen no answer before,
/// and knows resolv.conf and the hosts file as they are now.
#[derive(Clone)]
pub(super) struct Asker {
    resolver: TokioResolver,
    hosts: Arc<Hosts>,
}

impl Asker {
    /// Reads resolv.conf and the hosts file: blocks on the disk.
    pub(super) fn new(resolvers: &Resolvers) -> Result<Self, String> {
        let (config, mut options) = match resolvers {
            Resolvers::System => system(),
            Resolvers::Named(servers) => {
                let servers = servers.iter().copied().map(name_server).collect();
                (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
            }
        };
        options.timeout = PATIENCE;
        options.attempts = ATTEMPTS;
        options.server_ordering_strategy =
            hickory_resolver::config::ServerOrderingStrategy::UserProvidedOrder;
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { resolver, hosts: Arc::new(Hosts::from_system().unwrap_or_default()) })
    }

    /// The addresses that the hosts file gives a server. They are the operator's word: nobody else is asked.
    pub(super) fn pinned(&self, wanted: &Wanted) -> Option<Found> {
        let name = Name::from_ascii(&wanted.host).ok()?;
        let lines = |family: &Kind| {
            let found = self.hosts.lookup_static_host(&Query::query(name.clone(), record_type(*family)));
            let found = found.as_ref().map(Lookup::answers).unwrap_or_default();
            found.iter().filter_map(|line| line.data.ip_addr()).collect::<Vec<_>>()
        };
        let addresses: Vec<IpAddr> = wanted.families.iter().flat_map(lines).take(MAX_RECORDS).collect();
        let (host, port) = (wanted.host.clone(), wanted.port());
        let target = Target { rank: 0, weight: 0, host, port, addresses };
        let location = Location { targets: vec![target], way: Way::HostsFile };
        (!location.all().is_empty()).then_some(Found { location, lives: HOSTS_FILE })
    }

    /// Asks everything at once; the answers come in the order of the questions.
    pub(super) async fn ask(&self, questions: Vec<Question>) -> Vec<Answer> {
        let mut asked = JoinSet::new();
        let mut answers = vec![Answer::Failed("it was not asked".to_owned()); questions.len()];
        for (place, question) in questions.into_iter().enumerate() {
            let asker = self.clone();
            asked.spawn(async move { (place, asker.answer(&question).await) });
        }
        while let Some(done) = asked.join_next().await {
            if let Ok((place, answer)) = done
                && let Some(slot) = answers.get_mut(place)
            {
                *slot = answer;
            }
        }
        answers
    }

    async fn answer(&self, question: &Question) -> Answer {
        let Ok(mut name) = Name::from_ascii(&question.name) else {
            return Answer::Nothing(None);
        };
        // A name with a dot is meant as it is written: no search domain turns it into another's.
        if name.num_labels() > 1 {
            name.set_fqdn(true);
        }
        match self.resolver.lookup(name, record_type(question.kind)).await {
            Ok(found) => {
                let lives = found.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
                let records: Vec<_> = found
                    .answers()
                    .iter()
                    .filter_map(|answer| record(&answer.data, question.kind))
                    .take(MAX_RECORDS)
                    .collect();
                match records.is_empty() {
                    true => Answer::Nothing(None),
                    false => Answer::Found(records, Duration::from_secs(u64::from(lives))),
                }
            }
            Err(error) => failure(&error),
        }
    }
}

fn system() -> (ResolverConfig, ResolverOpts) {
    system_conf::read_system_conf().unwrap_or_else(|error| {
        // As resolv.conf(5) says: without one, the name server is on this machine.
        tracing::debug!(%error, "there is no usable resolv.conf");
        let local = name_server(SocketAddr::from(([127, 0, 0, 1], 53)));
        (ResolverConfig::from_name_servers(vec![local]), ResolverOpts::default())
    })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
    }
}

/// A record of the type that was asked for.
fn record(data: &RData, kind: Kind) -> Option<Record> {
    match (data, kind) {
        (RData::A(address), Kind::A) => Some(Record::Address(IpAddr::V4(address.0))),
        (RData::AAAA(address), Kind::Aaaa) => Some(Record::Address(IpAddr::V6(address.0))),
        (RData::SRV(srv), Kind::Srv) => Some(Record::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: text(&srv.target),
        })),
        (RData::NAPTR(naptr), Kind::Naptr) => Some(Record::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
            service: String::from_utf8_lossy(&naptr.services).into_owned(),
            replacement: text(&naptr.replacement),
        })),
        _ => None,
    }
}

fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

/// Whether it was said that there is nothing, or nothing was said.
fn failure(error: &NetError) -> Answer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
        {
            Answer::Nothing(none.negative_ttl.map(|lives| Duration::from_secs(u64::from(lives))))
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) => Answer::Failed(none.response_code.to_string()),
        other => Answer::Failed(other.to_string()),
    }
}
