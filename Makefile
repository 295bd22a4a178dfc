# make demo   installs what is missing, builds, makes three finished ads from the example brief
# make test   everything CI runs: format, lints, unit, end-to-end, schemas, docs
# make check  the quick version for the edit loop
# make looks  contact sheets of all looks in four aspects and eight scripts, in target/looks; LOOKS=clean makes one
# make bench  what the machinery costs; ARGS="--jobs 1000 --json", --diffusion, --levers, --film (video models), --compose, --masters (against FFmpeg)
# make install PREFIX=/usr/local

SHELL := /bin/bash
export RUST_BACKTRACE := 0
PREFIX ?= /usr/local
export CARGO_TARGET_DIR := $(CURDIR)/target
HERE := $(CURDIR)/target/spotloom

.PHONY: demo test check looks bench build setup setup-test install clean-demo
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile | head -6

setup:
	@.ci/setup demo

setup-test:
	@.ci/setup test

build: setup
	@cargo build --release --locked --workspace
	@.ci/assemble "$(HERE)"

demo: build
	@.ci/demo "$(HERE)/bin/spotloom"

check:
	@cargo fmt --all --check
	@cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@cargo test --release --locked --workspace --lib --bins

test: setup-test build
	@cargo fmt --all --check
	@cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@cargo test --release --locked --workspace --no-fail-fast
	@RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps --document-private-items

looks: build
	@cargo build --release --locked -p spotloom-compose --example contact
	@LOOKS="$(LOOKS)" CLIPS="$(CLIPS)" .ci/looks "$(HERE)/bin/spotloom"

bench: build
	@cargo build --release --locked -p spotloom-diffusion --example steps --example shot
	@cargo run --release --locked -p spotloom-tests --bin bench -- $(ARGS)

install: build
	@mkdir -p "$(PREFIX)" 2>/dev/null || true
	@if [ -w "$(PREFIX)" ]; then .ci/assemble "$(PREFIX)"; else sudo .ci/assemble "$(PREFIX)"; fi

clean-demo:
	rm -rf target/demo
