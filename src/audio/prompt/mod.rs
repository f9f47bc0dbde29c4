//! Sound files of any kind become mono samples at the rate that is wanted.
//!
//! WAV (PCM, A-law, u-law, float, GSM 06.10), AIFF, FLAC, MP3 and Ogg Vorbis, of any rate and any number of
//! channels; which of them it is, the content tells, not the name. Raw G.711 and GSM 06.10 say nothing of
//! themselves: there the name has to. What is made of the sound then
//! (its level, its ends, its seam) is in `active_level`, `limiter`, `edges` and `seam`.

mod telephone;

use std::io::{Cursor, ErrorKind};
use std::panic::catch_unwind;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;

pub use telephone::Headerless;

use super::LINE_RATE;
use super::resample::Resampler;

/// The longest sound that is taken, in seconds. It is held in memory for as long as the daemon runs.
pub const MAX_SECONDS: u32 = 15 * 60;

/// The rates that are taken, in samples per second.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Why a file cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    /// None of the kinds we know.
    #[error("not a whole sound file of a known kind (WAV, AIFF, FLAC, MP3, Ogg Vorbis, GSM or raw G.711)")]
    UnknownKind,
    /// A known container with something else in it.
    #[error("the file holds no sound that can be decoded: {0}")]
    UnknownCodec(String),
    /// The sound cannot be decoded.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Neither too little nor too much.
    #[error("the sampling rate {0} Hz is outside 4000 to 384000 Hz")]
    Rate(u32),
    /// Nothing to play.
    #[error("the file holds no sound: its length is zero")]
    Empty,
    /// More than is taken.
    #[error("the sound is longer than {} minutes", MAX_SECONDS / 60)]
    TooLong,
}

/// A decoded file: mono, full scale is 1.0. A lossy codec or a filter may have overshot it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// The samples, at the rate that was asked for.
    pub samples: Vec<f32>,
    /// How many of them, at the end, are the beginning again; 0 unless that was asked for.
    pub repeated: usize,
    /// The tops of its waves are cut off: it was too loud where it was recorded or mixed.
    pub clipped: bool,
}

/// Decodes a whole file to so many samples per second. Channels are mixed to one, levels stay as they are. A
/// file whose end is missing is played as far as it goes. For a sound that is to go round, up to
/// `repeat_ms` of its beginning follow its end, as if the file had gone round before its rate was
/// changed: a filter then finds no gap there.
pub fn load(file: &[u8], rate: u32, repeat_ms: u32) -> Result<Sound, Unplayable> {
    load_named(file, None, rate, repeat_ms)
}

/// The same of a file whose name says that it may be one which says nothing of itself.
pub fn load_named(
    file: &[u8],
    named: Option<Headerless>,
    rate: u32,
    repeat_ms: u32,
) -> Result<Sound, Unplayable> {
    let sound = Progress { wanted_rate: rate, repeat_ms, ..Progress::default() };
    if let Some(samples) = telephone::decode(file, named) {
        return sound.of(LINE_RATE, &samples?);
    }
    // Symphonia trusts some lengths in headers and then overflows; a broken file must be an error.
    catch_unwind(|| load_trusting(file, sound))
        .unwrap_or_else(|_| Err(Unplayable::Damaged("its header contradicts itself".to_owned())))
}

fn load_trusting(file: &[u8], mut sound: Progress) -> Result<Sound, Unplayable> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(file)), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, Default::default(), Default::default())
        .map_err(unrecognised)?;
    let (track, mut decoder) = open(format.as_ref())?;
    while let Some(packet) = next(format.as_mut())? {
        if packet.track_id != track {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => sound.add(&decoded)?,
            // A single bad packet is a crackle, not the end of the song.
            Err(Error::DecodeError(what)) => sound.damage = Some(what),
            Err(error) => return Err(Unplayable::Damaged(error.to_string())),
        }
    }
    sound.finish()
}

fn unrecognised(error: Error) -> Unplayable {
    match error {
        Error::DecodeError(_) | Error::LimitError(_) => Unplayable::Damaged(error.to_string()),
        _ => Unplayable::UnknownKind,
    }
}

/// The sound in the container, and what decodes it.
fn open(format: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>), Unplayable> {
    let none = || Unplayable::UnknownCodec("it has no audio track".to_owned());
    let track = format.default_track(TrackType::Audio).ok_or_else(none)?;
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or_else(none)?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| Unplayable::UnknownCodec(error.to_string()))?;
    Ok((track.id, decoder))
}

fn next(format: &mut dyn FormatReader) -> Result<Option<Packet>, Unplayable> {
    match format.next_packet() {
        Ok(packet) => Ok(packet),
        Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        // A second stream behind the first (chained Ogg): the first is the prompt.
        Err(Error::ResetRequired) => Ok(None),
        Err(error) => Err(Unplayable::Damaged(error.to_string())),
    }
}

/// What was decoded so far.
#[derive(Default)]
struct Progress {
    wanted_rate: u32,
    repeat_ms: u32,
    resampler: Option<Resampler>,
    rate: u32,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    converted: Vec<f32>,
    /// The beginning, at the file's rate, if it is to follow the end.
    head: Vec<f32>,
    samples_in: u64,
    tops: FlatTops,
    damage: Option<&'static str>,
}

impl Progress {
    fn add(&mut self, decoded: &GenericAudioBufferRef<'_>) -> Result<(), Unplayable> {
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count().max(1));
        let mut mono = std::mem::take(&mut self.mono);
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        mono.clear();
        mono.extend(self.interleaved.chunks_exact(channels).map(mix));
        let added = self.add_mono(rate, &mono);
        self.mono = mono;
        added
    }

    fn add_mono(&mut self, rate: u32, mono: &[f32]) -> Result<(), Unplayable> {
        if !RATES.contains(&rate) || (self.resampler.is_some() && rate != self.rate) {
            return Err(Unplayable::Rate(rate));
        }
        self.rate = rate;
        self.tops.look_at(mono);
        self.samples_in += mono.len() as u64;
        let head = (u64::from(rate) * u64::from(self.repeat_ms) / 1000) as usize;
        self.head.extend(mono.iter().take(head.saturating_sub(self.head.len())));
        let resampler = self.resampler.get_or_insert_with(|| Resampler::new(rate, self.wanted_rate));
        resampler.push(mono, &mut self.converted);
        match self.converted.len() > (u64::from(MAX_SECONDS) * u64::from(self.wanted_rate)) as usize {
            true => Err(Unplayable::TooLong),
            false => Ok(()),
        }
    }

    /// The sound that is all in these samples.
    fn of(mut self, rate: u32, mono: &[f32]) -> Result<Sound, Unplayable> {
        // A part at a time: what is too long is noticed before it is converted.
        mono.chunks(rate as usize).try_for_each(|part| self.add_mono(rate, part))?;
        self.finish()
    }

    fn finish(mut self) -> Result<Sound, Unplayable> {
        if let Some(mut resampler) = self.resampler {
            resampler.push(&self.head, &mut self.converted);
            resampler.finish(&mut self.converted);
        }
        let whole = (self.samples_in * u64::from(self.wanted_rate)).div_ceil(u64::from(self.rate.max(1)));
        let repeated = self.converted.len().saturating_sub(whole as usize);
        match self.damage {
            _ if !self.converted.is_empty() => {
                Ok(Sound { samples: self.converted, repeated, clipped: self.tops.found })
            }
            Some(damage) => Err(Unplayable::Damaged(damage.to_owned())),
            None => Err(Unplayable::Empty),
        }
    }
}

/// The mean of the channels, so that no sum clips. A broken float sample is silence.
fn mix(channels: &[f32]) -> f32 {
    let mean = channels.iter().sum::<f32>() / channels.len() as f32;
    if mean.is_finite() { mean } else { 0.0 }
}

/// Looks for waves whose tops are cut off.
#[derive(Default)]
struct FlatTops {
    last: f32,
    run: u32,
    found: bool,
}

impl FlatTops {
    /// Near full scale; that of A-law is 0.984, that of u-law 0.980.
    const HIGH: f32 = 0.97;
    /// So many equal samples there are no wave's own top.
    const FLAT: u32 = 4;

    fn look_at(&mut self, samples: &[f32]) {
        for sample in samples {
            let flat = sample.abs() >= Self::HIGH && *sample == self.last;
            self.run = if flat { self.run + 1 } else { 1 };
            self.last = *sample;
            self.found |= flat && self.run >= Self::FLAT;
        }
    }
}

/// Full scale 1.0 to 16 bits. What does not fit makes the whole sound quieter, by just so much that
/// its peak fits.
pub fn to_i16(sound: &[f32]) -> Vec<i16> {
    let peak = sound.iter().fold(1.0_f32, |peak, sample| peak.max(sample.abs()));
    sound.iter().map(|sample| (sample / peak * 32_767.0).round() as i16).collect()
}
