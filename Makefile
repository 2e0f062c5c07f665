.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# The system's node and npm where it has them, else those that come from the Python registry.
export PATH := $(PATH):$(CURDIR)/$(BIN)

ENVIRONMENT := .venv/.installed
COMPILER := contracts/node_modules/.installed
SLITHER := .venv-slither/.installed
AUDITOR := .venv-audit/.installed
FUZZER := .venv/.fuzzer
DEMO ?= demo
# What computes is tested by two workers; what waits for daemons afterwards, by itself.
WORKERS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder
DAEMONS := $(addprefix tests/,crash devnet growth machines network split/devnet)
# Not traced: the liars are processes, and Python 3.11 fails to trace threads that begin together.
LIARS := tests/adversaries
# Of fuzzing: each target's seconds, and which targets.
SECONDS_EACH ?= 600
TARGETS ?= $(notdir $(wildcard tests/fuzz/corpus/*))

.PHONY: help demo devnet devnet-down devnet-status devnet-reset devnet-logs paper test test-fast lint check-contract fuzz fuzz-corpus audit-dependencies format bench contracts docs lock clean

help:  ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(ENVIRONMENT)  ## Train MNIST in a whole federation in one process, then audit it
	$(BIN)/flnode demo --folder $(DEMO) --fresh

devnet: $(ENVIRONMENT)  ## Bring up a private network here: three Geth and three IPFS nodes
	@$(BIN)/flnode devnet up

devnet-down: $(ENVIRONMENT)  ## Stop it; chain and store stay
	@$(BIN)/flnode devnet down

devnet-status: $(ENVIRONMENT)  ## Show what runs where
	@$(BIN)/flnode devnet status

devnet-logs: $(ENVIRONMENT)  ## Show the newest lines of the daemons' logs
	@$(BIN)/flnode devnet logs

devnet-reset: $(ENVIRONMENT)  ## Stop it and delete chain, store and keys, after asking
	@$(BIN)/flnode devnet reset

paper: $(ENVIRONMENT)  ## The paper's job against one node with all data, two seeds: an hour
	$(BIN)/python benchmarks/paper.py --folder paper-runs

test: lint check-contract $(ENVIRONMENT) $(COMPILER)  ## Lint, slither and every test; what CI runs
	@failed=0; set -x; \
		$(BIN)/pytest $(WORKERS) $(addprefix --ignore=,$(DAEMONS) $(LIARS)) --cov --cov-report= || failed=1; \
		$(BIN)/pytest $(LIARS) || failed=1; \
		$(BIN)/pytest $(DAEMONS) --cov --cov-append --cov-report=term --cov-fail-under=95 || failed=1; \
		exit $$failed

test-fast: $(ENVIRONMENT) $(COMPILER)  ## The tests that take less than two minutes together
	$(BIN)/pytest $(WORKERS) -m "not slow" -x -q

lint: $(ENVIRONMENT) $(COMPILER)  ## ruff, mypy, import-linter, solhint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	npm --prefix contracts run --silent lint

check-contract: $(SLITHER) $(COMPILER)  ## slither on the contract: each finding is answered
	$(BIN)/python scripts/check_contract.py

fuzz: $(FUZZER)  ## Fuzz each parser for ten minutes: TARGETS="weights plan" SECONDS_EACH=60
	@for target in $(TARGETS); do \
		$(BIN)/python -m tests.fuzz.run $$target --seconds $(SECONDS_EACH) || exit 1; \
		[ -z "$$(ls -A .fuzz/$$target/found)" ] || \
			{ echo "see .fuzz/$$target/found: fix them, and put the bytes into tests/fuzz/corpus/$$target"; exit 1; }; \
		done

fuzz-corpus: $(FUZZER)  ## Take what fuzzing found anew into the committed corpus
	@for target in $(TARGETS); do $(BIN)/python -m tests.fuzz.minimise $$target || exit 1; done

audit-dependencies: $(AUDITOR) $(COMPILER)  ## Ask PyPI and npm for known vulnerabilities of what is pinned
	.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		--requirement requirements.lock
	npm audit --prefix contracts

format: $(ENVIRONMENT)  ## Bring the sources into their form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(ENVIRONMENT)  ## Every benchmark, one line of JSON a figure
	@for file in $(filter-out $(addprefix benchmarks/,paper.py network_paper.py split_accuracy.py),$(wildcard benchmarks/*.py)); do $(BIN)/python $$file || exit 1; done

contracts: $(ENVIRONMENT) $(COMPILER)  ## Compile the contracts into contracts/artifacts
	$(BIN)/python scripts/compile_contract.py

docs: $(ENVIRONMENT)  ## Write docs/cli.md from the commands' help, the attacks from their tests
	$(BIN)/python scripts/write_cli_docs.py
	$(BIN)/python scripts/write_attack_table.py

PIN := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-find-links \
	--no-emit-index-url

lock: $(ENVIRONMENT)  ## Pin every dependency anew in requirements.lock, and in those of tools apart
	$(PIN) --group dev pyproject.toml --output-file requirements.lock
	@for tool in fuzz slither audit; do \
		$(PIN) --python-version 3.11 --group pyproject.toml:$$tool \
			--output-file requirements-$$tool.lock || exit 1; done

clean:  ## Remove what make has installed and written here
	rm -rf .venv .venv-slither .venv-audit .fuzz contracts/node_modules $(DEMO) paper-runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(ENVIRONMENT): requirements.lock pyproject.toml
	scripts/install_environment $(PYTHON)
	@touch $@

$(COMPILER): contracts/package-lock.json | $(ENVIRONMENT)
	npm ci --prefix contracts --silent --no-audit --no-fund
	@touch $@

.venv-%/.installed: requirements-%.lock | $(ENVIRONMENT)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$*
	$(BIN)/uv pip sync --quiet --python .venv-$*/bin/python --require-hashes $<
	@touch $@

# After the environment: whoever installs that anew takes out what is not in its lock.
$(FUZZER): requirements-fuzz.lock $(ENVIRONMENT)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement $<
	@touch $@
