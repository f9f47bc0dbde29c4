//! A switch on loopback, and the script's end of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nightbell::call::CallId;
use nightbell::call::clock::Clock;
use nightbell::call::journal::{Journal, Record};
use nightbell::call::leg::{Dial, Leg, LegId, Request, Ring};
use nightbell::call::occupancy::Occupancy;
use nightbell::call::plan::Snapshot;
use nightbell::call::prompt::Prompt;
use nightbell::call::run::House;
use nightbell::oncall;
use nightbell::sip::{Codec, Hop};
use nightbell::switch::addresses::Addresses;
use nightbell::switch::prompts::{Library, Sources};
use nightbell::switch::trunks::{Destination, Trunk};
use nightbell::switch::{Parts, Switch};
use tokio::sync::{mpsc, watch};

use crate::phone::Phone;

pub struct Bench {
    pub switch: Switch,
    requests: mpsc::UnboundedSender<Request>,
    _records: mpsc::UnboundedReceiver<Record>,
    _shutdown: watch::Sender<bool>,
}

impl Bench {
    /// A switch that knows these prompts.
    pub async fn start(prompts: &[Prompt]) -> Self {
        let sources = Sources { prompts_dir: PathBuf::from("/nonexistent"), voice: None, wide: false };
        let (library, errors) = Library::load(prompts.to_vec(), &sources);
        assert!(errors.is_empty(), "{errors:?}");
        let (journal, records) = Journal::new();
        let (requests, asked) = mpsc::unbounded_channel();
        let (shutdown, shutdown_reader) = watch::channel(false);
        let house = House {
            journal,
            occupancy: Occupancy::default(),
            requests: requests.clone(),
            clock: Clock::starting_at(Timestamp::UNIX_EPOCH),
            shutdown: shutdown_reader,
        };
        let switch = Switch::start(Parts {
            addresses: Addresses {
                listen: vec![Hop::udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))],
                public_address: None,
                media_ports: 54_000..=55_999,
                tls: None,
            },
            trunks: vec![trunk()],
            snapshot: Arc::new(Snapshot::default()),
            library: Arc::new(library),
            recordings: std::env::temp_dir(),
            house,
            requests: asked,
            stored: Vec::new(),
        })
        .await
        .unwrap();
        Self { switch, requests, _records: records, _shutdown: shutdown }
    }

    /// Dials a phone, beside another leg of the call, and waits until it has answered.
    pub async fn reach(&self, phone: &mut Phone, beside: Option<LegId>) -> Leg {
        let mut leg = self.dial(phone, beside);
        let patience = Duration::from_secs(5);
        let (rung, ()) = tokio::join!(leg.rung(patience, patience), phone.answer());
        assert_eq!(rung, Ring::Answered);
        leg
    }

    /// Dials a phone.
    pub fn dial(&self, phone: &Phone, beside: Option<LegId>) -> Leg {
        let (leg, events) = Leg::new(self.requests.clone());
        self.ask(Request::Dial(Dial {
            leg: leg.id(),
            call: CallId(1),
            beside: beside.unwrap_or(leg.id()),
            phone: oncall::Phone::parse(&format!("sip:anna@{}", phone.address())).unwrap(),
            trunks: Arc::new([trunk().name]),
            caller_id: None,
            own_number: None,
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
