#!/bin/sh
# Makes the shipped prompts, audio/<language>/<name>.flac, from the texts in audio/<language>.txt.
#
#   sh audio/make.sh              those that are missing; needs espeak-ng and sox (both in Debian)
#   sh audio/make.sh --all        all of them, as after a change of the voice
#
# The files are committed, so nobody needs these programs to build or to run Nightbell. Each file is
# 16 kHz mono, begins and ends with 50 ms of silence, and has a level of -20 dBm0 (power over the
# whole file), so that all of them are equally loud and a piece can follow another without a jump.
# A text that was changed is made again once its file is removed; a file without a text is removed.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# -20 dBm0 as sox measures it: relative to full scale 1.0, where a full-scale sine has -3.01 dB
# and, by the overload point of A-law, +3.14 dBm0.
wanted=-26.15

# Whatever is quieter than this at the ends counts as silence.
silence=0.5%

speak() { # language text out.wav
    words_per_minute=150
    case $1 in
        en) voice=en-us ;;
        de) voice=de words_per_minute=145 ;;
        fr) voice=fr-fr words_per_minute=145 ;;
        nl) voice=nl words_per_minute=140 ;;
        pl) voice=pl words_per_minute=140 ;;
        *) voice=$1 ;;
    esac
    printf '%s\n' "$2" | espeak-ng -v "$voice" -s "$words_per_minute" -w "$3" --stdin
}

finish() { # in.wav out.flac
    trim="silence 1 0.01 $silence reverse"
    # shellcheck disable=SC2086
    sox -D "$1" -r 16000 -c 1 -b 16 "$scratch/trimmed.wav" gain -6 highpass 120 $trim $trim pad 0.05 0.05
    level=$(sox "$scratch/trimmed.wav" -n stats 2>&1 | awk '/^RMS lev dB/ { print $4 }')
    gain=$(awk "BEGIN { printf \"%.2f\", $wanted - ($level) }")
    # 12 of the 16 bits: still 12 dB better than the telephone's, and FLAC then needs two thirds of the room.
    sox -D "$scratch/trimmed.wav" "$scratch/coarse.wav" gain -l "$gain" vol 0.0625
    sox -D "$scratch/coarse.wav" -C 8 --comment '' "$2" vol 16
}

for texts in ??.txt; do
    language=${texts%.txt}
    mkdir -p "$language"
    for file in "$language"/*.flac; do
        name=${file##*/}
        if [ "${1:-}" = --all ] || ! grep -q "^${name%.flac}|" "$texts"; then rm -f "$file"; fi
    done
    while IFS='|' read -r name text; do
        case $name in '' | '#'*) continue ;; esac
        if [ -e "$language/$name.flac" ]; then continue; fi
        speak "$language" "$text" "$scratch/spoken.wav"
        finish "$scratch/spoken.wav" "$language/$name.flac"
    done < "$texts"
done
