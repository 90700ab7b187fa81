# Every target does its own set-up: git, Python >= 3.11 and make are all a machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
INSTALL := $(BIN)/pip install -q --disable-pip-version-check --require-hashes
# A dot every two seconds shows that a long command still works.
WITH_DOTS = { $(1) & pid=$$!; while kill -0 $$pid 2>/dev/null; do printf .; sleep 2; done; echo; wait $$pid; }
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate

# Where this is set (in many containers), each of the processes that tests start would compile the code anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test torture bench first-dm check lint types imports audit docs fmt lock clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ripe needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making $(VENV) from requirements.lock (once) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(call WITH_DOTS,$(INSTALL) -r requirements.lock)
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): tests/requirements.lock $(STAMP)
	@echo "Adding what tests and checks need (once) ..."
	@$(call WITH_DOTS,$(INSTALL) -r tests/requirements.lock)
	@touch $@

run: $(STAMP) ## start everything: embedded Postgres, web, worker and, without credentials, the sandbox
	@exec $(BIN)/ripe up

test: $(DEV) ## run the tests
	$(BIN)/pytest -n 2 --dist worksteal --durations=20

torture: $(DEV) ## prove the promises at full size (minutes)
	$(BIN)/pytest -m torture

bench: $(DEV) ## measure the queue beside its peers, write docs/benchmarks.md (20 minutes)
	@$(INSTALL) -r bench/requirements.lock
	$(BIN)/python -m bench

first-dm: $(STAMP) ## measure the time from git clone to the first DM, in a folder of its own
	@$(BIN)/python -m bench.first_dm

lint: $(DEV) ## ruff, format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV) ## mypy --strict over bot, jobq and tests
	$(BIN)/mypy

imports: $(DEV) ## check imports between floors and rooms, and unused or missing dependencies
	$(BIN)/lint-imports
	$(BIN)/deptry .

audit: $(DEV) ## look for known holes in the locked dependencies, where an advisory service can be reached
	@$(BIN)/python -m tests.audit

check: lint types imports audit test ## everything that CI checks

docs: $(DEV) ## draw docs/pictures.md again
	$(BIN)/python -m tests.docs.pictures

fmt: $(DEV) ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(DEV) ## pin every dependency again, with hashes
	$(LOCK) --extra build pyproject.toml -o requirements.lock
	$(LOCK) --extra build --extra dev -c requirements.lock pyproject.toml -o tests/requirements.lock
	$(LOCK) --extra bench -c tests/requirements.lock pyproject.toml -o bench/requirements.lock

clean: ## remove the environment and caches (never the data in .ripe)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
