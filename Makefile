# make demo   builds examples/polls into an image, runs it, shows that it answers, leaves nothing running
# make test   everything that this host allows: about a quarter of an hour on two processors
#
# make setup  the development environment in .venv: hashed, and quick when nothing changed
# make check  the fast tier: offline, no root, no engine, about a minute
# make soak   200 builds killed with kill -9, and 2,000 edits at random: what comes next must be the empty cache's image
# make golden writes the digests of tests/golden anew, when the bytes of an image are meant to change, and tests/costs
# make docs   writes the reference pages that are made from the code
# make bench  Grocker beside other builders, in turn: half an hour, as root; BENCH="--machines|--growth --write" chooses
# make bench-runner  the runner beside bare processes, tini and supervisord: six minutes, as root; BENCH=--write as above
# make corpus builds and starts released applications of others: half an hour; CORPUS=--write puts the results into the docs; CORPUS=--new times new projects
# make packages builds images with Debian packages and compares them with apt's, two hours, as root; PACKAGES="--resume --write" goes on, and keeps the table
# make fuzz   every parser of what others wrote, a minute each; FUZZ="--target NAME --seconds N --write" chooses
# make lock   resolves requirements/dev.txt again

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 4
# Of the slow tests more run at a time: many wait for containers or the clock.
SLOW_WORKERS := $(if $(filter file,$(origin WORKERS)),6,$(WORKERS))
# Every process would compile everything anew, and pytest the assertions of every test.
unexport PYTHONDONTWRITEBYTECODE
THOROUGH := e2e or slow or docker or podman or network or root

.PHONY: help setup check lint fast test golden demo soak docs lock bench bench-runner corpus packages fuzz

help:
	@sed -n '/^# make/s/^# //p' Makefile

setup: $(VENV)/.installed
	@:

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@echo "setup: the development environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Side by side: neither keeps two processors busy.
check: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint fast

lint: setup
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "hint: $(BIN)/ruff format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary

fast: setup
	@$(BIN)/python -m pytest --quiet -m "not ($(THOROUGH))" --numprocesses $(WORKERS)

# tests/conftest.py skips what the host cannot do, and says so at the end. WORKERS=0 runs one test after the other.
test: check
	@$(BIN)/python -m pytest --quiet -m "$(THOROUGH)" --numprocesses $(SLOW_WORKERS) --durations 10

golden: setup
	@$(BIN)/python -m pytest --quiet --update-golden tests/golden tests/costs

demo: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

soak: setup
	@$(BIN)/python tools/soak.py
	@$(BIN)/python -m tools.edits

docs: setup
	@$(BIN)/python tools/reference.py

lock:
	@test -x $(BIN)/uv || { echo "make lock: uv comes with make setup" >&2; exit 1; }
	@$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml --output-file requirements/dev.txt
	@! grep -nE '://|--(extra-)?index|--find-links' requirements/dev.txt

bench: setup
	@$(BIN)/python -m tools.bench $(BENCH)

bench-runner: setup
	@$(BIN)/python -m tools.bench_runner $(BENCH)

corpus: setup
	@$(BIN)/python -m tools.corpus $(CORPUS)

packages: setup
	@$(BIN)/python -m tools.packages $(PACKAGES)

fuzz: setup
	@$(BIN)/python -m tools.fuzz $(FUZZ)
