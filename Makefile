# The verbs of the house, the same on every machine and in CI. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

export PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# Installed once per content of the locks and of the project's own metadata.
STATE := $(shell cat requirements/*.txt pyproject.toml | sha256sum | cut -c1-16)
DEV := .venv/.dev-$(STATE)
SERVE := .venv/.serve-$(STATE)

.PHONY: help
help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

.PHONY: setup
setup: $(DEV) ## install everything that development needs into .venv

.PHONY: serve
serve: $(SERVE) ## run the service, the bridge and the voice page: ARGS="--help" lists the options
	@exec $(BIN)/cedar-voice serve $(ARGS)

.PHONY: test
test: check wheel ## check, prove the wheel, run the tests: ARGS="-k name" selects some
	@scripts/ensure_installed.sh chromium git nodejs npm
	@echo "tests/cedar_clients: installing and building, unless that is done"
	@$(BIN)/python -c 'from tests.support.cedar_clients import build; build()'
	@$(BIN)/python -c 'from tests.support.web_release import size; print(size())'
	$(BIN)/pytest -n auto --maxprocesses 8 --dist loadgroup $(ARGS)

.PHONY: check
check: $(DEV) ## lint, types, import layers, contract, generated code
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	@scripts/check_contract.sh
	@scripts/check_generated.sh
	@echo "import layers: lint-imports"
	@$(BIN)/lint-imports --no-logo --no-cache > .venv/imports.log || { cat .venv/imports.log; exit 1; }
	$(BIN)/mypy --no-error-summary

.PHONY: format
format: $(DEV) ## rewrite Python, protobuf and the drawn tables in the house style
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format
	$(BIN)/buf format --write
	$(BIN)/python scripts/draw_modules.py
	$(BIN)/python -m scripts.draw_states
	$(BIN)/cedar-voice settings > docs/settings.md

.PHONY: protos
protos: $(DEV) ## generate the Python of the contract beside its .proto files
	scripts/generate_protos.sh protos

.PHONY: wheel
wheel: $(DEV) ## build the wheel and prove it in an empty environment
	$(BIN)/python scripts/prove_wheel.py

# The locks hold hashes and no addresses, so that any index may serve them.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(ARGS)

.PHONY: lock
lock: $(DEV) ## resolve pyproject.toml into requirements/: ARGS=--upgrade takes the newest
	$(COMPILE) --extra all --group dev --output-file requirements/dev.txt
	$(COMPILE) --extra all --group build --constraint requirements/dev.txt --output-file requirements/serve.txt
	$(COMPILE) --constraint requirements/dev.txt --output-file requirements/sdk.txt

$(BIN)/pip:
	@scripts/ensure_installed.sh python3-venv
	$(PYTHON) -m venv .venv

$(SERVE): $(BIN)/pip
	$(PIP) install --require-hashes --requirement requirements/serve.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(BIN)/pip
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@rm -f .venv/.serve-* .venv/.dev-*
	@touch $(SERVE) $@
