# `make` shows what there is. Needs GNU make, a POSIX shell and Python 3.11 or newer; everything else goes into .venv.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN = .venv/bin
SETUP = $(if $(PYTHON),$(PYTHON),$(error Openbell needs Python 3.11 or newer; none was found)) scripts/setup.py
PYTEST = $(BIN)/python -m pytest
LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help catalogues slow setup setup-dev setup-browser setup-bench run test oracles check format unit integration e2e e2e-browser bench lock migration db faults chaos drill

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv from the locked packages
	@$(SETUP) run

setup-dev:
	@$(SETUP) dev

setup-browser:
	@$(SETUP) browser

run: ## start everything here and say where to chat
	@OPENBELL_STEPS=4 $(SETUP) run
	@OPENBELL_STEPS=4 exec $(BIN)/openbell up

test: setup-dev ## run the tests that need no browser, on throw-away servers, but for the slow ones
	@$(PYTEST) -n 2 --dist worksteal -m "not browser and not slow" --ignore tests/faults

slow: setup-dev ## run the tests that take longer: backups, crowds, attacks, twenty thousand updates of any kind
	@$(PYTEST) -n 2 --dist worksteal -m slow --ignore tests/faults

unit: setup-dev ## run the tests that do no I/O
	@$(PYTEST) -q tests/unit

integration: setup-dev ## run the tests against PostgreSQL and Valkey
	@$(PYTEST) -n 2 --dist worksteal -m "not browser" tests/integration

e2e: setup-dev ## run the journeys through the whole product
	@$(PYTEST) -n 2 --dist worksteal -m "not browser" tests/e2e

e2e-browser: setup-browser ## run the journeys in headless Chromium
	@$(PYTEST) -m browser

oracles: setup-dev ## hold due times to cronsim around all clock changes of 2020-2036, and to ten years of sessions
	@OPENBELL_ORACLE=all $(PYTEST) -n 2 --dist worksteal tests/unit/domain/test_clock_changes.py \
		tests/unit/domain/test_market_times.py

check: setup-browser ## ruff, mypy (browser tests too), import rules, generated files
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet || { echo "Some files are not formatted; run: make format"; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m openbell.env_example --check
	@$(BIN)/python -m scripts.catalogues --check

catalogues: setup-dev ## bring the catalogues of translations up to date with the sources
	@$(BIN)/python -m scripts.catalogues

format: setup-dev ## format the code and write the generated files
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format
	@$(BIN)/python -m openbell.env_example

setup-bench:
	@$(SETUP) bench

faults: setup-dev ## kill the real processes at every write to the network that their work takes
	@$(PYTEST) -n 2 -q tests/faults

chaos: setup-dev ## let everything work under faults, then prove the promises: make chaos MINUTES=30 SEED=7
	@$(BIN)/python -m chaos --minutes $(or $(MINUTES),2) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(REPORT))

drill: setup-dev ## kill senders while they send and count what arrives: make drill SEED=7 MESSAGES=2000 KILLS=20 LEASE=60
	@$(BIN)/python -m chaos.drill $(if $(MESSAGES),--messages $(MESSAGES)) $(if $(KILLS),--kills $(KILLS)) \
		$(if $(LEASE),--lease $(LEASE)) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(REPORT))

bench: setup-bench ## measure replies, dispatch, growth, start and work beside peers: make bench WHAT="start work"
	@$(BIN)/python -m bench $(WHAT)

lock: setup-dev ## lock the packages anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@$(LOCK) pyproject.toml requirements/build.in -o requirements/run.txt
	@$(LOCK) pyproject.toml requirements/build.in --extra dev -c requirements/run.txt -o requirements/dev.txt
	@$(LOCK) pyproject.toml requirements/build.in --extra dev --extra browser -c requirements/dev.txt -o requirements/browser.txt
	@$(LOCK) pyproject.toml requirements/build.in --extra dev --extra bench -c requirements/dev.txt -o requirements/bench.txt
	@$(LOCK) requirements/uv.in -o requirements/uv.txt

migration: setup-dev ## draft a migration from the models: make migration NAME="add alerts"
	@test -n "$(NAME)" || { echo 'Name it: make migration NAME="add alerts"'; exit 2; }
	@DB_URL="$$($(BIN)/openbell db url --owner)" $(BIN)/alembic revision --autogenerate -m "$(NAME)"

db: setup ## open psql on the running database
	@exec $(BIN)/openbell db shell
