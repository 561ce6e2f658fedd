# `make demo` shows the product, `make test` runs everything that `.ci/run` runs. Builds are kept outside the
# checkout, so that a fresh clone does not build the C++ test room again.
SHELL := /bin/bash
CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/tureen
export CARGO_TARGET_DIR ?= $(CACHE)/target
BIN := $(CARGO_TARGET_DIR)/debug
PROFILE ?= $(if $(CI),ci,default)

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: setup
setup:
	@tests/setup.sh all

# --- the page and the scripts that need npm -------------------------------------------------------------------
NPM_CI = npm ci --no-audit --no-fund --loglevel=error

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && $(NPM_CI)

.PHONY: web
web: web/dist/watch.html ## Build the watch page

web/dist/watch.html: web/node_modules/.package-lock.json $(shell find web/src -type f 2>/dev/null) web/package.json
	cd web && npm run --silent build

tests/sfu/browser/dist/page.js: tests/sfu/browser/node_modules/.package-lock.json $(shell find tests/sfu/browser/src -type f 2>/dev/null)
	cd tests/sfu/browser && npm run --silent build

# npm's mediasoup without its worker: the tests use the one that tests/sfu has built (bridge/test/worker.mjs).
docs/examples/node_modules/.package-lock.json: docs/examples/package-lock.json
	cd docs/examples && $(NPM_CI) --ignore-scripts

bridge/dist/index.js: bridge/node_modules/.package-lock.json $(shell find bridge/src -type f 2>/dev/null) bridge/package.json
	cd bridge && npm run --silent build

.PHONY: bridge
bridge: bridge/dist/index.js docs/examples/node_modules/.package-lock.json ## Build the npm package

# In a folder of its own in the cache. tests/e2e/src/schemathesis.rs runs it.
export SCHEMATHESIS ?= $(CACHE)/schemathesis/bin/schemathesis

$(SCHEMATHESIS): tests/e2e/schemathesis.txt
	python3 -m venv --clear $(CACHE)/schemathesis
	$(CACHE)/schemathesis/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: schemathesis
schemathesis: $(SCHEMATHESIS)

.PHONY: browser
browser: tests/browser/node_modules/.package-lock.json tests/sfu/browser/dist/page.js

# --- build and check ---------------------------------------------------------------------------------------------
.PHONY: build
build: web ## Build the product only: no C++, no browser
	cargo build --bin tureen

.PHONY: build-all
build-all: setup web browser bridge schemathesis
	cargo build --workspace --all-targets

.PHONY: fmt
fmt:
	cargo fmt --all
	cargo fmt --manifest-path tests/fuzz/Cargo.toml

.PHONY: check
check: setup web browser bridge ## Formatting, lints, types, documentation
	cargo fmt --all --check
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' cargo doc --no-deps --document-private-items --workspace
	cd web && npm run --silent check
	cd bridge && npm run --silent check
	cargo nextest run --profile $(PROFILE) --workspace -E 'binary(architecture)'

.PHONY: test
test: build-all ## Install what is lacking and run every test
	cd web && npm test --silent
	cd bridge && npm test --silent
	cd docs/examples && npm test --silent
	cargo nextest run --profile $(PROFILE) --workspace
	@$(MAKE) --no-print-directory fuzz-ci

.PHONY: test-long
test-long: build-all ## End-to-end tests that `make test` leaves out for their length
	cargo nextest run --profile long --workspace

.PHONY: test-api
test-api: setup web schemathesis ## The service against its OpenAPI document, at length. EXAMPLES
	cargo build --workspace --bins
	API_EXAMPLES=$(or $(EXAMPLES),150) cargo nextest run --ignore-default-filter --workspace --test all -E 'test(/^openapi::/)'

# In a folder of their own: what is built for them is instrumented.
FUZZ = FUZZ_TARGET_DIR=$(CACHE)/fuzz tests/fuzz/run.sh

.PHONY: test-players
test-players: setup web browser ## Every recording in every player and browser; writes docs/players.md. PLAYERS_DIR, PLAYERS_ONLY
	cargo build --workspace --bins
	@$(BIN)/players

# The schema is ISO's and not kept here: DASH-MPD.xsd of MPEGGroup/DASHSchema.
MPD_DIR ?= $(CACHE)/mpd

.PHONY: check-mpd
check-mpd: setup web browser ## Descriptions of real recordings, ended and running, against their schema. XSD
	@test -f "$(XSD)" || { echo 'XSD=path/to/DASH-MPD.xsd' >&2; exit 2; }
	@command -v xmllint >/dev/null || { echo 'Missing: xmllint; apt-get install libxml2-utils' >&2; exit 1; }
	rm -rf "$(MPD_DIR)"
	cargo build --workspace --bins
	@MPD_DIR="$(MPD_DIR)" PLAYERS_ONLY=none $(BIN)/players
	MPD_DIR="$(MPD_DIR)" cargo nextest run --ignore-default-filter -p tureen-e2e -E 'test(/^dash::/)'
	XML_CATALOG_FILES=tests/e2e/mpd/catalog.xml xmllint --nonet --noout --schema "$(XSD)" "$(MPD_DIR)"/*.mpd

.PHONY: fuzz
fuzz: ## Fuzz each target for SECONDS (300), or one: TARGET=av1. Keeps its corpus in ~/.cache/tureen
	FUZZ_CACHE=$(CACHE)/fuzz/corpus $(FUZZ) $(or $(SECONDS),300) $(TARGET)

.PHONY: fuzz-ci
fuzz-ci:
	$(FUZZ) 8

.PHONY: deny
deny: ## Licences and advisories of the dependencies
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

.PHONY: clean
clean:
	rm -rf web/dist bridge/dist tests/sfu/browser/dist

# --- shown and measured ------------------------------------------------------------------------------------------
.PHONY: demo
demo: setup web ## Record a real room, verify it, serve it. PORT, TUREEN_DEMO_DIR, DEMO_EXIT=1
	cargo build --workspace --bins
	@$(BIN)/demo

.PHONY: soak
soak: setup web ## Record a room for long, over a lossy network, and look for growth and gaps. MINUTES
	cargo build --workspace --bins
	@MINUTES=$(or $(MINUTES),40) $(BIN)/soak

.PHONY: bench
bench: web ## Time of the recorder's hot path
	cargo bench -p tureen --bench fragment

.PHONY: bench-audit
bench-audit: web ## Pages, counts and writing of the audit at ROWS (10000000), on DATABASES (sqlite,postgres)
	@tests/setup.sh postgres
	BENCH_CACHE=$(CACHE)/bench cargo bench -p tureen --bench audit

.PHONY: bench-analytics
bench-analytics: web ## Answers and keeping of playback analytics. SESSIONS (1000000), EVENTS (50), DATABASES (sqlite,postgres)
	@tests/setup.sh postgres
	BENCH_CACHE=$(CACHE)/bench cargo bench -p tureen --bench analytics

.PHONY: bench-live
bench-live: setup web browser ## How far behind the room hls.js shows the live edge. SECONDS
	cargo build --workspace --bins
	@$(BIN)/live_edge $(or $(SECONDS),60)

.PHONY: bench-side
bench-side: setup web ## CPU beside FFmpeg on plain transports. N, SECONDS, REPS
	cargo build --workspace --bins
	cargo build --release --bin tureen
	@TUREEN=$(CARGO_TARGET_DIR)/release/tureen BENCH_CACHE=$(CACHE)/bench \
		$(BIN)/bench_side $(or $(N),4) $(or $(SECONDS),30) $(or $(REPS),3)

.PHONY: bench-serve
bench-serve: web ## CPU of serving segments beside nginx with sendfile. ROUNDS, GB
	@tests/setup.sh bench
	cargo build --workspace --bins
	cargo build --release --bin tureen
	@TUREEN=$(CARGO_TARGET_DIR)/release/tureen BENCH_CACHE=$(CACHE)/bench \
		$(BIN)/bench_serve $(or $(ROUNDS),5) $(or $(GB),4)

.PHONY: bench-download
bench-download: web ## How soon the MP4 of a long recording begins, beside nginx. HOURS, TURNS
	@tests/setup.sh bench
	cargo build --workspace --bins
	cargo build --release --bin tureen
	@TUREEN=$(CARGO_TARGET_DIR)/release/tureen BENCH_CACHE=$(CACHE)/bench \
		$(BIN)/bench_download $(or $(HOURS),4) $(or $(TURNS),50)
