//! A switch on loopback, and the script's end of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nightbell::call::CallId;
use nightbell::call::clock::Clock;
use nightbell::call::history::History;
use nightbell::call::journal::{Journal, Record};
use nightbell::call::leg::{Dial, Leg, LegId, Request, Ring};
use nightbell::call::lockout::Lockout;
use nightbell::call::occupancy::Occupancy;
use nightbell::call::plan::Snapshot;
use nightbell::call::prompt::Prompt;
use nightbell::call::run::House;
use nightbell::oncall;
use nightbell::sip::{Codec, Hop, Transport};
use nightbell::switch::addresses::{Addresses, compile_addresses};
use nightbell::switch::location::Resolvers;
use nightbell::switch::prompts::{Library, Sources};
use nightbell::switch::settings::{SipSettings, TrunkSettings};
use nightbell::switch::spend::Ledger;
use nightbell::switch::trunks::{Destination, Server, Trunk, compile_trunks};
use nightbell::switch::{Parts, Switch};
use tokio::sync::{mpsc, watch};

use crate::phone::Phone;

pub struct Bench {
    pub switch: Switch,
    requests: mpsc::UnboundedSender<Request>,
    pub records: mpsc::UnboundedReceiver<Record>,
    _shutdown: watch::Sender<bool>,
}

impl Bench {
    /// A switch that knows these prompts.
    pub async fn start(prompts: &[Prompt]) -> Self {
        Self::over(vec![trunk()], prompts).await
    }

    /// A switch with these trunks.
    pub async fn over(trunks: Vec<Trunk>, prompts: &[Prompt]) -> Self {
        Self::asking(Resolvers::System, trunks, prompts).await
    }

    /// A switch with these trunks, whose names are looked up there.
    pub async fn asking(resolvers: Resolvers, trunks: Vec<Trunk>, prompts: &[Prompt]) -> Self {
        let sources = Sources { prompts_dir: PathBuf::from("/nonexistent"), voice: None, wide: false };
        let (library, errors) = Library::load(prompts.to_vec(), &sources);
        assert!(errors.is_empty(), "{errors:?}");
        let addresses = Addresses {
            listen: vec![Hop::udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))],
            public_address: None,
            media_ports: 54_000..=55_999,
            media_threads: 2,
            tls: None,
            resolvers,
        };
        Self::with(addresses, trunks, library).await
    }

    /// A switch with `[sip]` and `[[trunks]]` as an operator writes them; the trunk is called `phones`.
    pub async fn of(settings: &str, folder: &Path) -> Self {
        #[derive(serde::Deserialize)]
        struct File {
            sip: SipSettings,
            trunks: Vec<TrunkSettings>,
        }
        let file: File = toml::from_str(settings).unwrap();
        let mut problems = Vec::new();
        let media = toml::from_str("ports = '54000-55999'").unwrap();
        let addresses = compile_addresses(&file.sip, &media, folder, &mut problems);
        let trunks = compile_trunks(&file.trunks, &addresses.listen, folder, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        Self::with(addresses, trunks, Library::default()).await
    }

    async fn with(addresses: Addresses, trunks: Vec<Trunk>, library: Library) -> Self {
        let (journal, records) = Journal::new();
        let (requests, asked) = mpsc::unbounded_channel();
        let (shutdown, shutdown_reader) = watch::channel(false);
        let house = House {
            journal,
            occupancy: Occupancy::default(),
            history: History::default(),
            lockout: Lockout::default(),
            requests: requests.clone(),
            clock: Clock::starting_at(Timestamp::UNIX_EPOCH),
            shutdown: shutdown_reader,
        };
        let switch = Switch::start(Parts {
            addresses,
            trunks,
            snapshot: Arc::new(Snapshot::default()),
            library: Arc::new(library),
            recordings: std::env::temp_dir(),
            house,
            requests: asked,
            ledger: Ledger::default(),
            stored: Vec::new(),
        })
        .await
        .unwrap();
        Self { switch, requests, records, _shutdown: shutdown }
    }

    /// Dials a phone, beside another leg of the call, and waits until it has answered.
    pub async fn reach(&self, phone: &mut Phone, beside: Option<LegId>) -> Leg {
        let mut leg = self.dial(phone, beside);
        let patience = Duration::from_secs(5);
        let (rung, ()) = tokio::join!(leg.rung(patience, patience), phone.answer());
        assert_eq!(rung, Ring::Answered);
        leg
    }

    /// Where it listens.
    pub fn listens(&self, transport: Transport) -> SocketAddr {
        self.switch.listening().iter().find(|own| own.transport == transport).unwrap().addr
    }

    /// Dials whoever is at an address.
    pub fn dial_at(&self, address: SocketAddr) -> Leg {
        self.dials(address, None)
    }

    /// Dials a phone.
    pub fn dial(&self, phone: &Phone, beside: Option<LegId>) -> Leg {
        self.dials(phone.address(), beside)
    }

    fn dials(&self, address: SocketAddr, beside: Option<LegId>) -> Leg {
        let (leg, events) = Leg::new(self.requests.clone());
        self.ask(Request::Dial(Dial {
            gives_way: false,
            leg: leg.id(),
            call: CallId(1),
            beside,
            person: "anna".to_owned(),
            phone: oncall::Phone::parse(&format!("sip:anna@{address}")).unwrap(),
            trunks: Arc::new([trunk().name]),
            caller_id: None,
            own_number: None,
            events,
        }));
        leg
    }

    /// Dials a number over trunks, in that order.
    pub fn dial_number(&self, trunks: &[&str]) -> Leg {
        self.dial_number_for(trunks, None)
    }

    /// Dials a number for a hotline with a number of its own.
    pub fn dial_number_for(&self, trunks: &[&str], hotline: Option<&str>) -> Leg {
        let own = hotline.map(|number| oncall::E164::parse(number).unwrap());
        let (leg, events) = Leg::new(self.requests.clone());
        self.ask(Request::Dial(Dial {
            gives_way: false,
            leg: leg.id(),
            call: CallId(1),
            beside: None,
            person: "anna".to_owned(),
            phone: oncall::Phone::parse("+4915112345").unwrap(),
            trunks: trunks.iter().map(|name| (*name).to_owned()).collect(),
            caller_id: own.clone(),
            own_number: own,
            events,
        }));
        leg
    }

    /// What a script asks of the switch.
    pub fn ask(&self, request: Request) {
        self.requests.send(request).unwrap();
    }

    /// Reads the settings again: other prompts.
    pub async fn reload(&mut self, library: Library) {
        self.switch.reload(vec![trunk()], None, Arc::new(Snapshot::default()), Arc::new(library)).await;
    }

    /// Reads the settings again: without the trunk.
    pub async fn forget_the_trunk(&mut self) {
        self.switch
            .reload(Vec::new(), None, Arc::new(Snapshot::default()), Arc::new(Library::default()))
            .await;
    }
}

/// A carrier's trunk with its server there, that dials every German number and is not pinged.
pub fn carrier(name: &str, transport: Transport, server: SocketAddr) -> Trunk {
    Trunk {
        server: Some(Server { transport, host: server.ip().to_string(), port: Some(server.port()) }),
        codecs: vec![Codec::Pcma],
        destinations: vec![Destination::Prefix("+49".to_owned())],
        ..Trunk::named(name)
    }
}

fn trunk() -> Trunk {
    let loopback = "127.0.0.1/32".parse().unwrap();
    Trunk {
        sources: vec![loopback],
        codecs: vec![Codec::Pcma],
        max_calls: 2,
        destinations: vec![Destination::Network(loopback)],
        ..Trunk::named("phones")
    }
}
