# Everything a fresh machine needs is python3 (3.11 or newer, with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
DATA ?= .rhesis
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)

.DEFAULT_GOAL := help
.PHONY: help run test lint format security bench faults soak migrate lock clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/.run ## start everything with the demo: make run [PORT=8080] [DATA=.rhesis]
	@$(BIN)/rhesis-app up --demo --port $(PORT) --data "$(DATA)"

test: $(VENV)/.dev ## all tests, on servers of their own
	@$(BIN)/pytest --cov --cov-report=term:skip-covered

lint: $(VENV)/.dev ## rules, format, types, who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

format: $(VENV)/.dev ## put the code into form
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

security: $(VENV)/.dev ## attacks on a filled instance, with figures: docs/security-figures.md [ARGS=tests/security/test_isolation.py]
	@$(BIN)/python -m benchmarks.security $(ARGS)

bench: $(VENV)/.dev ## figures with their targets, other tools beside: docs/performance.md
	@$(BIN)/python -m benchmarks --with-peers

faults: $(VENV)/.dev ## runs under every fault, 2,000 tests and three seeds each, as one table [ARGS="--only NAME --seeds 1 --items 2000 --jobs 2 --write-docs"]
	@$(BIN)/python -m benchmarks.faults $(ARGS)

soak: $(VENV)/.dev ## 10,000 tests under many faults at once, three seeds [ARGS="--write-docs"]
	@$(BIN)/python -m benchmarks.faults --soak $(ARGS)

migrate: $(VENV)/.run ## bring the database of DATABASE_URL to this version
	@$(BIN)/rhesis-app migrate

lock: $(VENV)/.dev ## choose newer versions of what we depend on
	@$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## forget the environment (data stays)
	@rm -rf $(VENV)

$(VENV)/.uv: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv && $(BIN)/uv --version | grep -q " $(UV_VERSION)" || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@touch $@

$(VENV)/.run: $(VENV)/.uv pyproject.toml
	@test -e $(VENV)/.dev || $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements-dev.lock pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run
