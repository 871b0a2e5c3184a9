# What one does here; `just` lists it.

default:
    @just --list

# everything CI runs that needs no minikube
check:
    cargo fmt --all --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo test --locked
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

# the tests, needing neither Docker nor minikube
test *ARGS:
    cargo test {{ARGS}}

# failures injected in order and at random: all of it, a part (kills, calls, happenings), FIRST..LAST, or one as a failure names it
campaign TRIALS='all':
    TODO_CAMPAIGN='{{TRIALS}}' cargo test --profile campaign --test it campaign::again -- --ignored --nocapture

# the tests against the minikube of this machine
real *ARGS:
    cargo build --release
    TODO_TEST_PROGRAM={{justfile_directory()}}/target/release/todo cargo test -- --ignored --test-threads=1 {{ARGS}}

# the application's own tests: backend, frontend, browser
app:
    docker/test

# whether the oldest Rust that Cargo.toml promises compiles it
rust-version:
    #!/usr/bin/env bash
    set -euo pipefail
    oldest=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml)
    rustup toolchain install "$oldest" --profile minimal
    CARGO_TARGET_DIR=target/rust-version cargo "+$oldest" check --locked --workspace

# licences, advisories and sources of the dependencies
deny:
    cargo deny check

# todo, todo-up, todo-down and todo-status into ~/.local/bin
install:
    cargo build --release --locked
    install -Dm755 target/release/todo ~/.local/bin/todo
    ~/.local/bin/todo applets --install

# archives, the Debian package, installers and the image, made and tried on this machine
packages *PROGRAM:
    packaging/check {{PROGRAM}}

# the Windows program and its tests, under wine; with a minikube at hand against that, too
windows:
    .ci/windows

# whether it compiles for macOS on ARM; nothing is linked or run
macos:
    ../shared/lab/cross macos

# exactly what CI runs
ci:
    .ci/run
