# Everything a newcomer or CI needs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# `release` is what users get; `ci` links fast and is fit for tests and the edit loop.
PROFILE ?= release
# Repetitions of the load benchmark.
REPS ?= 5
RUST_SOURCES := $(shell find rust -name '*.rs') Cargo.toml Cargo.lock
STAMP := $(VENV)/.stamp

# Faults are tried against real processes and real time: one that fails is tried once more, and said
# so at the end. What fails twice has failed.
# A file is begun in one process; who has nothing left takes over from the end of what another has.
# Tests wait for a third of their time: one process more than there are cores keeps those busy. Each
# has its own upstream, servers and gateways, so that there are six at most.
PROCESSES ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 5 ? cores + 1 : 6)))
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal --reruns 1 --reruns-delay 1
# What a front could break: bytes, heads and errors in and out, back-pressure, clients that leave,
# reloads and drains, waiting for what others hold, and rows, which learn from it what a client got.
# These run under the second front too, with fewer pairs of dialects; stores, prices and counters
# are behind it. `SLUICEGATE_FRONT=asgi SLUICEGATE_ALL_PAIRS=1` before pytest runs everything there.
FRONT_TESTS := tests/transport tests/test_client.py tests/test_small_routes.py \
	tests/replay/test_replay.py::test_the_same_dialect_passes_byte_for_byte \
	$(addprefix tests/faults/, test_st.py test_up.py test_up_12.py test_cl.py test_cf.py test_au.py \
	test_au_body.py test_au_tenants.py test_ac.py test_ac_01.py test_gemini.py test_responses.py) \
	$(addprefix tests/caching/, test_ca_04.py test_ca_05.py test_ca_06.py) \
	$(addprefix tests/faults/test_au_secrets.py::, test_au_11_no_secret_leaves_whatever_happens \
	test_au_11_an_error_inside_a_stream_quotes_no_credential) \
	$(addprefix tests/faults/test_br.py::, test_br_01_br_02_a_budget_for_ten_admits_ten \
	test_br_07_a_stream_ends_where_its_tokens_do test_br_08_slots_come_back \
	test_official_clients_see_the_errors_they_know) \
	$(addprefix tests/faults/test_runs.py::, test_an_ended_run_loses_its_streams_within_a_second \
	test_a_request_that_waits_ends_with_its_run test_a_runs_time_ends_its_streams) \
	$(addprefix tests/faults/test_db_redis.py::, \
	test_br_02_a_budget_for_ten_admits_ten_over_two_hosts \
	test_br_03_what_was_held_and_not_used_comes_back_over_two_hosts)

.PHONY: help setup run test test-rust test-python clients bench gates lint format wheel clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup: $(STAMP)-$(PROFILE) ## environment, dependencies, the extension's release build

$(VENV)/bin/python:
	@command -v cargo >/dev/null || { echo "a Rust toolchain is needed: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is needed: apt-get install build-essential"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=..."; exit 1; }
	@tools/venv.sh $(PYTHON) $(VENV)

$(STAMP)-deps: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q 'maturin>=1.16,<2' --group dev
	@touch $@

$(STAMP)-$(PROFILE): $(STAMP)-deps $(RUST_SOURCES)
	@echo "building the extension ($(PROFILE)); a cold build takes some minutes"
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --profile $(PROFILE)
	@rm -f $(STAMP)-release $(STAMP)-ci && touch $@

run: setup ## serve in front of a simulated provider: no key, no server
	$(BIN)/sluicegate demo

test: test-rust test-python ## all tests; starts what it needs by itself

test-rust:
	cargo test --profile ci --quiet

test-python: setup
	$(PYTEST)
	SLUICEGATE_FRONT=asgi $(PYTEST) $(FRONT_TESTS)

# Some minutes, most of them for installing: each client has an environment of its own.
clients: setup ## other people's clients against every upstream dialect; writes docs/clients.md
	SLUICEGATE_CLIENTS=$(CURDIR)/target/clients $(BIN)/python -m pytest tests/clients; \
	status=$$?; SLUICEGATE_CLIENTS=$(CURDIR)/target/clients $(BIN)/python -m tests.clients.page; \
	exit $$status

bench: setup ## criterion, the gates, and the whole gateway under load: some 45 minutes
	cargo bench
	@mkdir -p bench/results
	$(BIN)/python -m pytest bench/boundary --benchmark-json=bench/results/boundary.json
	$(BIN)/python -m bench.load --reps $(REPS)

# The first line counts instructions, which no other load disturbs; the second compares times within one run.
gates: setup ## did anything get slower? what CI asks
	cargo bench --profile ci --bench instructions
	$(BIN)/python -m pytest bench/boundary -q

lint: setup ## what CI checks beside the tests
	cargo fmt --check
	cargo clippy --profile ci --all-targets -- -D warnings
	cargo clippy --profile ci --lib --features python -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest sluicegate._core --ignore-disjoint-bases

format: setup ## bring all sources into form
	cargo fmt
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

wheel: setup ## a wheel in dist/, tried in an empty environment
	@rm -f dist/*.whl
	$(BIN)/maturin build --release --out dist
	SLUICEGATE_WHEELS=$(CURDIR)/dist $(BIN)/python -m pytest tests/cli/test_wheel.py

clean: ## remove what was built
	rm -rf $(VENV) target dist
