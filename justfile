# `just` lists what there is.
_default:
    @just --list

# Formatting, lints, and the dependencies' licences and advisories
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    command -v cargo-deny >/dev/null && cargo deny check || echo "cargo-deny is not installed: dependencies were not checked"

# All tests; with a name, those whose name holds it
test name="":
    cargo test {{name}}

# All tests, and those against foreign SIP programs must not be left out
test-wire:
    NIGHTBELL_REQUIRE_WIRE=1 cargo test

# The whole product on loopback
demo *options:
    cargo run --release -- demo {{options}}

# The daemon at rest, the parser, the codecs, in-band keys, the jitter buffer, recording, barge-in, SRTP, playing, then what a relayed packet costs against a bare relay on the same machine
bench *options:
    cargo bench --bench daemon
    cargo bench --bench parser
    cargo bench --bench codecs
    cargo bench --bench dtmf
    cargo bench --bench jitter
    cargo bench --bench mix
    cargo bench --bench recording
    cargo bench --bench barge_in
    cargo bench --bench srtp
    cargo bench --bench playback
    cargo bench --bench relay -- {{options}}

# Complete hotline calls against the daemon: `just load bridge 400 10s`, `just load answer 300/s 20s`, `just load voicemail 400 10s`
load *options:
    cargo bench --bench hotline -- {{options}}

# Kill the daemon so many times in the middle of calls, and compare what it kept with what the phones have seen: `just kills 1000 7`; from a round on: `just kills 1 7 42`
kills count="1000" seed="7" first="0" workers="4":
    NIGHTBELL_KILLS={{count}} NIGHTBELL_SEED={{seed}} NIGHTBELL_FIRST={{first}} NIGHTBELL_WORKERS={{workers}} cargo test --release --test crash a_thousand_kills -- --ignored --nocapture

# Cut the power of a recorded run so many times, and start on what is left: `just power-cuts 10000 7`; needs strace
power-cuts count="10000" seed="7":
    NIGHTBELL_CUTS={{count}} NIGHTBELL_SEED={{seed}} cargo test --release --test crash ten_thousand_power_cuts -- --ignored --nocapture

# Fuzz one target (sip_message, sip_stream, header, uri, digest, sdp, rtp) for a minute; needs a nightly toolchain and cargo-fuzz
fuzz target="sip_message" seconds="60":
    cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# Check the example settings
config:
    cargo run -- check -c config/nightbell.toml
    cargo run -- check -c config/lan.toml

# How far the systemd unit is locked up: 0 is best, 10 is open
unit:
    systemd-analyze security --offline=true systemd/nightbell.service

# What is run before a change is merged
ci:
    .ci/run
