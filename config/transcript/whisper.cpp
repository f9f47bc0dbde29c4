#!/bin/sh
# Writes a message out with whisper.cpp: whisper.cpp LANGUAGE MODEL, as in "whisper.cpp de /opt/whisper/ggml-small.bin".
# The WAV file comes on standard input; the text goes to standard output. Needs whisper-cli, and sox.
set -eu
# whisper.cpp takes 16 kHz alone.
sox -t wav - -t wav -r 16000 -c 1 -b 16 message.wav
whisper-cli --model "$2" --language "$1" --file message.wav --no-timestamps --no-prints 2>/dev/null |
    # It describes what is no speech: [BLANK_AUDIO], (music).
    sed -e 's/\[[A-Z_ ]*\]//g' -e 's/([a-z ]*)//g'
