//! Who listens: our detector, and libspandsp's where it is installed.

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nightbell::audio::dtmf::Detector;

/// Sound comes in packets of so many ms.
pub const PACKET_MS: u64 = 20;

/// Sound in packets of 20 ms, some of which are lost.
pub struct Tape {
    pub rate: u32,
    pub samples: Vec<i16>,
    /// Numbers of the packets that never came, rising.
    pub lost: Vec<usize>,
}

impl Tape {
    pub fn packet_len(&self) -> usize {
        (u64::from(self.rate) * PACKET_MS / 1000) as usize
    }

    /// The packets, and whether each has come.
    fn packets(&self) -> impl Iterator<Item = (bool, &[i16])> {
        let mut lost = self.lost.iter().peekable();
        self.samples.chunks(self.packet_len()).enumerate().map(move |(number, packet)| {
            let came = lost.next_if(|next| **next == number).is_none();
            (came, packet)
        })
    }
}

/// A key, and how many samples had come or were lost when it was reported.
pub struct Report {
    pub key: char,
    pub at: u64,
}

/// One who listens to tapes of a certain rate.
pub struct Ear {
    pub name: &'static str,
    pub rate: u32,
    kind: Kind,
}

enum Kind {
    Ours,
    Spandsp { program: PathBuf, dial_tone_filter: bool, lost_as_zeros: bool },
}

impl Ear {
    pub fn ours(rate: u32) -> Self {
        let name = if rate == 8000 { "ours 8 kHz" } else { "ours 16 kHz" };
        Self { name, rate, kind: Kind::Ours }
    }

    pub fn spandsp(program: &Path) -> Self {
        let kind = Kind::Spandsp { program: program.into(), dial_tone_filter: false, lost_as_zeros: false };
        Self { name: "spandsp", rate: 8000, kind }
    }

    pub fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Ours)
    }

    /// The same one with spandsp's dial tone filter; nothing for those who have none.
    pub fn with_dial_tone_filter(&self) -> Option<Self> {
        self.variant(true, false)
    }

    /// The same one, who hears zeros where packets were lost, as programs do that never tell him.
    pub fn with_lost_as_zeros(&self) -> Option<Self> {
        self.variant(false, true)
    }

    fn variant(&self, dial_tone_filter: bool, lost_as_zeros: bool) -> Option<Self> {
        let Kind::Spandsp { program, .. } = &self.kind else { return None };
        let kind = Kind::Spandsp { program: program.clone(), dial_tone_filter, lost_as_zeros };
        Some(Self { kind, ..*self })
    }

    /// The keys heard on a tape, in their order.
    pub fn hear(&self, tape: &Tape) -> Vec<Report> {
        assert_eq!(self.rate, tape.rate, "a tape of another rate");
        match &self.kind {
            Kind::Ours => ours(tape),
            Kind::Spandsp { program, dial_tone_filter, lost_as_zeros } => {
                spandsp(program, *dial_tone_filter, *lost_as_zeros, tape)
            }
        }
    }
}

fn ours(tape: &Tape) -> Vec<Report> {
    let (mut detector, mut at, mut reports) = (Detector::new(tape.rate), 0, Vec::new());
    for (came, packet) in tape.packets() {
        at += packet.len() as u64;
        if came {
            reports.extend(detector.process(packet).into_iter().map(|digit| Report { key: digit.key, at }));
        } else {
            detector.lost(packet.len() as u64);
        }
    }
    reports
}

fn spandsp(program: &Path, dial_tone_filter: bool, lost_as_zeros: bool, tape: &Tape) -> Vec<Report> {
    let mut child = Command::new(program)
        .arg(if dial_tone_filter { "1" } else { "0" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was compiled by us");
    let stdin = child.stdin.take().expect("it was piped");
    let mut answer = String::new();
    std::thread::scope(|scope| {
        scope.spawn(|| write_records(stdin, lost_as_zeros, tape).expect("it reads all it is given"));
        child.stdout.take().expect("it was piped").read_to_string(&mut answer).expect("lines of text");
    });
    assert!(child.wait().expect("it was started by us").success(), "spandsp's program failed");
    answer.lines().filter_map(report).collect()
}

/// A tape in the form `spandsp.c` reads.
pub fn write_records(to: impl Write, lost_as_zeros: bool, tape: &Tape) -> std::io::Result<()> {
    let mut to = BufWriter::new(to);
    let zeros = vec![0; tape.packet_len()];
    for (came, packet) in tape.packets() {
        let lost = !came && !lost_as_zeros;
        let word = packet.len() as u32 | if lost { 1 << 31 } else { 0 };
        to.write_all(&word.to_ne_bytes())?;
        if !lost {
            let heard = if came { packet } else { &zeros[..packet.len()] };
            to.write_all(&heard.iter().flat_map(|sample| sample.to_ne_bytes()).collect::<Vec<_>>())?;
        }
    }
    to.flush()
}

fn report(line: &str) -> Option<Report> {
    let (key, at) = line.split_once(' ')?;
    Some(Report { key: key.chars().next()?, at: at.parse().ok()? })
}

/// Compiles the program that lends spandsp its pipe; what is missing if it cannot be done.
pub fn compile_spandsp() -> Result<PathBuf, String> {
    // A name of its own: another run may be using its program.
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dtmf-spandsp-{}", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/dtmf/spandsp.c");
    let compiled = Command::new("gcc")
        .args(["-O2", "-o"])
        .arg(&program)
        .arg(source)
        .args(["-lspandsp", "-lm"])
        .output()
        .map_err(|error| format!("gcc cannot be run: {error}"))?;
    if compiled.status.success() {
        return Ok(program);
    }
    let words = String::from_utf8_lossy(&compiled.stderr);
    Err(words.lines().find(|line| line.contains("error")).unwrap_or("gcc failed").to_owned())
}
