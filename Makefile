# `make help` lists the targets. Needed: GNU make, and Python 3.11 or newer (PYTHON=python3.12 names another one).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two that start at the same time from one checkout must not both install: one waits, and finds it done.
LOCKED := $(if $(shell command -v flock),flock Makefile)
# Run with SQLite only: what has no database of the hub in it, or a server of its own, or asks for SQLite.
ONCE := sandbox browser fuzz/test_parsers.py chaos/test_refresh_gap.py end_to_end/test_snippets.py processes/test_postgres.py processes/test_redis.py processes/test_start.py
# Most tests wait for processes rather than compute.
SIDE_BY_SIDE := -n 2 --dist worksteal
INSTALL := $(LOCKED) $(MAKE) --no-print-directory --silent

.DEFAULT_GOAL := help
.PHONY: help bench run test test-chaos test-fast screenshots lint format lock browser node faketime install install-dev

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: install ## Run the hub with its sandbox on http://127.0.0.1:8000; Ctrl-C stops it. Settings: see .env.example.
	@exec $(BIN)/python manage.py start --with-parent --settings=acton_hub.settings_local

test: install-dev browser node faketime lint ## Check everything: style, types, migrations, and all tests, on SQLite and on PostgreSQL with Redis.
	@$(BIN)/python manage.py check --settings=tests.settings
	@$(BIN)/python manage.py makemigrations --check --dry-run --settings=tests.settings
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)
	@$(BIN)/python -m tests.servers $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ONCE:%=--ignore=tests/%)

test-chaos: install-dev faketime ## Kill processes and break everything around the hub while 5,000 contacts change (CHAOS_KILLS=50; long).
	@for servers in "" "$(BIN)/python -m tests.servers"; do CHAOS_KILLS=$${CHAOS_KILLS:-50} CHAOS_CONTACTS=5000 CHAOS_LISTS=20 \
		CHAOS_LASTS_S=10 $$servers $(BIN)/python -m pytest -q -s -p no:randomly tests/chaos || exit 1; done

test-fuzz: install-dev ## Throw 100,000 inputs at parsers, endpoints and pages, and hold the API to its document (FUZZ_INPUTS=100000; long).
	@FUZZ_INPUTS=$${FUZZ_INPUTS:-100000} FUZZ_CASES=100 $(BIN)/python -m pytest -q -p no:randomly -p no:logging --timeout=7200 tests/fuzz tests/api/test_openapi.py

test-fast: install-dev ## Run the tests that need no running hub and no browser.
	@$(BIN)/python -m pytest -q --ignore=tests/processes --ignore=tests/end_to_end --ignore=tests/browser --ignore=tests/chaos

bench: install-dev ## Measure the running hub against floors, on SQLite and on PostgreSQL with Redis (six minutes a database; BENCH=--quick: one).
	@$(BIN)/python -m benchmarks $(BENCH)

screenshots: install-dev browser ## Take a picture of every page, wide and narrow, light and dark, into screenshots/.
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m tests.browser.pictures screenshots

lint: install-dev ## Check style (ruff) and types (mypy).
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .

format: install-dev ## Format the code and mend what ruff can mend.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: install-dev ## Write requirements.txt and requirements-dev.txt anew from pyproject.toml.
	@$(BIN)/python -m pip install --quiet pip-tools
	@for extra in "" "--extra dev"; do $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $$extra \
		-o requirements$$(test -z "$$extra" || echo -dev).txt pyproject.toml; done

# $(call see_to,its presence,Debian's package,its name,what is skipped without it)
define see_to
	@if $(1); then :; \
	elif [ "$(CI)" = true ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing $(3) ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
	elif [ "$(CI)" = true ]; then echo "$(3) is missing: install it, for $(4)." >&2; exit 1; \
	else echo "$(3) is missing: left out: $(4)."; fi
endef

browser: ## See to a Chromium for the browser tests; installed only on CI, as root, with apt-get.
	$(call see_to,command -v chromium >/dev/null || command -v chromium-browser >/dev/null,chromium,Chromium,the browser tests)

node: ## See to a Node for the programs of the help pages; installed only on CI, as root, with apt-get.
	$(call see_to,command -v node >/dev/null,nodejs,Node,the test of the help pages’ programs)

faketime: ## See to libfaketime, which sets the hub's clock in chaos tests; installed only on CI, as root, with apt-get.
	$(call see_to,ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1,libfaketime,libfaketime,a clock that is set in chaos tests)

install: ## Make .venv with what the hub needs to run.
	@$(INSTALL) $(VENV)/installed

install-dev: ## Make .venv with what tests and checks need, too.
	@$(INSTALL) $(VENV)/installed-dev

$(VENV)/installed: requirements.txt
$(VENV)/installed-dev: requirements-dev.txt
$(VENV)/installed $(VENV)/installed-dev:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Acton Hub needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another: make PYTHON=python3.11 ..." % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks its venv module (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Installing $< into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $<
	@touch $@
