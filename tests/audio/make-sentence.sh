#!/bin/sh
# Makes tests/audio/sentence: one sentence in each format that operators have, and what another decoder
# makes of its GSM. Needs espeak-ng, sox and ffmpeg (all in Debian); the files are committed.
set -eu
cd "$(dirname "$0")/sentence"
rm -f ./*
espeak-ng -v en-us -s 165 -w spoken.wav "Please hold while we connect you."
sox -D spoken.wav -r 8000 -c 1 -b 16 sentence.wav gain -n -3 highpass 120
rm spoken.wav
convert() { sox -D sentence.wav "$@"; }
convert sentence.gsm
convert -e gsm-full-rate gsm.wav
convert -e u-law ulaw.wav
convert -e a-law alaw.wav
convert -t ul sentence.ulaw
convert -t al sentence.alaw
convert -r 11025 -c 2 sentence.aif
convert -r 22050 sentence.aiff
convert -r 32000 -c 2 sentence.flac
convert -r 44100 sentence.ogg
encode() { ffmpeg -v error -i sentence.wav -fflags +bitexact -map_metadata -1 "$@"; }
encode -ar 8000 -b:a 8k 8-kbit.mp3
encode -ar 16000 -b:a 32k mpeg-2.mp3
encode -ar 44100 -af 'pan=stereo|c0=c0|c1=c0' -b:a 128k mpeg-1.mp3
encode -ar 48000 -b:a 24k -c:a libopus opus.ogg
# What libgsm, within sox, makes of them: bit for bit.
sox -D sentence.gsm -t s16 gsm.decoded
sox -D gsm.wav -t s16 gsm-wav.decoded
