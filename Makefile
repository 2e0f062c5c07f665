.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# The system's node and npm where it has them, else those that come from the Python registry.
export PATH := $(PATH):$(CURDIR)/$(BIN)

ENVIRONMENT := .venv/.installed
COMPILER := contracts/node_modules/.installed
DEMO ?= demo

.PHONY: help demo devnet devnet-down devnet-status devnet-reset devnet-logs paper test test-fast lint format bench contracts docs lock clean

help:  ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test: lint $(ENVIRONMENT) $(COMPILER)  ## Lint and every test; what CI runs
	$(BIN)/pytest --cov --cov-report=term --cov-fail-under=95

test-fast: $(ENVIRONMENT) $(COMPILER)  ## The tests that take less than two minutes together
	$(BIN)/pytest -m "not slow" -x -q

lint: $(ENVIRONMENT) $(COMPILER)  ## ruff, mypy, import-linter, solhint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	npm --prefix contracts run --silent lint

format: $(ENVIRONMENT)  ## Bring the sources into their form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(ENVIRONMENT)  ## Every benchmark, one line of JSON a figure
	@for file in $(filter-out benchmarks/paper.py benchmarks/network_paper.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$file || exit 1; done

contracts: $(ENVIRONMENT) $(COMPILER)  ## Compile Federation.sol into contracts/artifacts
	$(BIN)/python scripts/compile_contract.py

docs: $(ENVIRONMENT)  ## Write docs/cli.md from the commands' help
	$(BIN)/python scripts/write_cli_docs.py

lock: $(ENVIRONMENT)  ## Pin every dependency anew in requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --group dev --no-header \
		--no-emit-find-links --no-emit-index-url pyproject.toml --output-file requirements.lock

clean:  ## Remove what make has installed and written here
	rm -rf .venv contracts/node_modules $(DEMO) paper-runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(ENVIRONMENT): requirements.lock pyproject.toml
	scripts/install_environment $(PYTHON)
	@touch $@

$(COMPILER): contracts/package-lock.json | $(ENVIRONMENT)
	npm ci --prefix contracts --silent --no-audit --no-fund
	@touch $@
