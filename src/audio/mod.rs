//! Samples as values: codecs, tones, detectors, prompts, WAV.
