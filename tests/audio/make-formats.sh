#!/bin/sh
# Makes tests/audio/formats: a quarter of a second of 1000 Hz at -10 dBm0 in each format that is
# taken. Needs sox and lame; the files are committed.
set -eu
cd "$(dirname "$0")/formats"
rm -f ./*
# -10 dBm0 is 13.14 dB below a full-scale sine.
tone() { sox -D -R -n "$@" synth 0.25 sine 1000 gain -n -13.14; }

tone -r 44100 -c 2 -b 16 pcm16-stereo-44100.wav
tone -r 96000 -c 1 -b 24 pcm24-96000.wav
tone -r 11025 -c 1 -b 8 pcm8-11025.wav
tone -r 16000 -c 1 -b 32 -e floating-point float-16000.wav
tone -r 8000 -c 1 -e a-law alaw-8000.wav
tone -r 8000 -c 1 -e u-law ulaw-8000.wav
tone -r 22050 -c 1 -b 16 pcm16-22050.aiff
tone -r 48000 -c 2 -b 16 stereo-48000.flac
tone -r 44100 -c 2 stereo-44100.ogg
tone -r 44100 -c 1 -b 16 mp3.wav
lame --quiet -b 64 mp3.wav mono-44100.mp3
rm mp3.wav
# The left channel alone, so that the mix has half the amplitude.
sox -D pcm16-stereo-44100.wav left-only-44100.wav remix 1 0
