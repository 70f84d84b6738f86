# Everyday commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
MESSAGE ?= change
WORKERS ?= 2
PREFIX ?= /opt/anguan
ARCH ?= x86_64
PYTHON_VERSION ?= 3.11
WHEELHOUSE ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
export HOST PORT
# Where it is set (containers like to), every process compiles everything again: half of what collecting the tests costs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo test test-quick lint types audit proof bench messages docs manual migration lock wheel wheelhouse install clean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

# Telephones and keys on the screen for the demonstration; production refuses them.
run: export ANGUAN_SIMULATORS := $(or $(ANGUAN_SIMULATORS),1)
run: $(if $(filter production,$(ANGUAN_ENV)),not-in-production) $(VENV)/runtime ## Start the demonstration on http://127.0.0.1:8000 (HOST, PORT, DATABASE_URL settable; TODAY=2026-12-20 sets its clock forward)
	@$(BIN)/anguan init
	@$(BIN)/anguan demo $(if $(TODAY),--today $(TODAY))
	@exec $(BIN)/anguan serve --host $(HOST) --port $(PORT)

.PHONY: not-in-production
not-in-production:
	@echo "'make run' starts the demonstration, and ANGUAN_ENV=production wants none. For production:" >&2
	@echo "  with its settings in the environment (docs/SETTINGS.md, docs/deploy):" >&2
	@echo "  $(BIN)/anguan init && $(BIN)/anguan create-admin && $(BIN)/anguan doctor && $(BIN)/anguan serve" >&2
	@echo "For the demonstration: unset ANGUAN_ENV." >&2
	@exit 1

demo: $(VENV)/runtime ## Fill the database with demonstration data (again: adds what is missing)
	@$(BIN)/anguan init
	@$(BIN)/anguan demo $(if $(TODAY),--today $(TODAY))

test-quick: lint types ## For every save: what draws no page and needs no PostgreSQL or process of its own
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q --quick

test: lint types ## Everything that must hold: style, floors, types, tests on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

lint: $(VENV)/test ## Style and floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/biome check --error-on-warnings
	$(BIN)/djlint --lint --quiet app/web/templates

types: $(VENV)/test ## Types
	$(BIN)/mypy

audit: $(VENV)/audit ## What is known against our own code (bandit) and our packages (pip-audit)
	$(BIN)/bandit --quiet -c pyproject.toml -r app
	$(BIN)/python tools/advisories.py

proof: $(VENV)/test ## The slow proofs: kills, faults, load
	$(BIN)/python -m pytest -m proof -q

bench: $(VENV)/test ## Measure at a million rows and write docs/performance.md (BENCH='--people 10000 --databases sqlite'; PEER=folder; --help)
	$(BIN)/python -W ignore -m benchmarks --output docs/performance.md $(if $(PEER),--peer $(PEER)) $(BENCH)

messages: $(VENV)/test ## Collect the texts into the catalogues; then translate what is empty
	$(BIN)/pybabel --quiet extract -F pyproject.toml --add-location=file --sort-output --no-wrap --project=anguan \
		--copyright-holder=anguan --omit-header -o translations/messages.pot app translations
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --no-wrap --omit-header \
		-i translations/messages.pot -d translations

docs: $(VENV)/runtime ## Write the manual as files for a browser into dist/manual (the system serves it under /help/manual/)
	@$(BIN)/anguan manual dist/manual

manual: $(VENV)/test ## Take the pictures of the manual anew, in Chromium, of the demonstration data: those of screens that have changed
	ANGUAN_BROWSER=required $(BIN)/python -m pytest -q -n0 tests/browser/test_manual.py --pictures

migration: $(VENV)/test ## Draft the next migration from the models (MESSAGE=what it does)
	$(BIN)/python migrations/draft.py $(MESSAGE)

lock: ## Renew constraints.txt (the newest versions that pyproject.toml allows) and requirements.txt (what a server needs, with hashes)
	rm -rf $(VENV)/lock
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'setuptools>=68' '.[test,audit]'
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check freeze --all --exclude anguan --exclude pip > constraints.txt
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install pip-tools
	$(VENV)/lock/bin/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-emit-options \
		--constraint constraints.txt --output-file requirements.txt pyproject.toml
	rm -rf $(VENV)/lock build

wheel: $(VENV)/runtime ## Build dist/anguan-….whl: code, migrations, compiled translations, templates, fonts
	@rm -rf build dist/anguan-*.whl
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build *.egg-info && ls dist/anguan-*.whl

wheelhouse: wheel ## Everything that a server without internet installs, into dist/wheelhouse (ARCH=x86_64 or aarch64, PYTHON_VERSION=3.11)
	@$(BIN)/python -m pip --disable-pip-version-check --quiet download --require-hashes --no-deps --only-binary=:all: \
		--python-version $(PYTHON_VERSION) $(foreach tag,manylinux_2_28 manylinux_2_24 manylinux_2_17 manylinux2014,--platform $(tag)_$(ARCH)) \
		-r requirements.txt -d dist/wheelhouse/$(ARCH)
	@cp dist/anguan-*.whl requirements.txt dist/wheelhouse/$(ARCH)
	@echo "On the server: make install PREFIX=/opt/anguan WHEELHOUSE=dist/wheelhouse/$(ARCH)"

install: ## Install into PREFIX (/opt/anguan), owned by whoever runs it; WHEELHOUSE=folder needs no internet
	@test -n "$(WHEELHOUSE)" || $(MAKE) --no-print-directory wheel
	@$(PYTHON) -m venv $(PREFIX)
	@$(PREFIX)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps \
		$(if $(WHEELHOUSE),--no-index --find-links $(WHEELHOUSE)) -r requirements.txt
	@$(PREFIX)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-index --force-reinstall \
		$(or $(WHEELHOUSE),dist)/anguan-*.whl
	@install -d $(PREFIX)/share/anguan && install -m 644 docs/deploy/* $(PREFIX)/share/anguan
	@$(PREFIX)/bin/anguan manual $(PREFIX)/share/anguan/manual
	@$(PREFIX)/bin/anguan --version

clean: ## Remove what can be made again; the data in var/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -f translations/*.pot translations/*/LC_MESSAGES/*.mo

$(VENV)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and there is no '$(PYTHON)' here." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) -V). Name another one: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python lacks its venv module (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@touch $@

# Rebuilt when what it was made from changes, so a second start installs nothing.
$(VENV)/runtime: $(VENV)/python pyproject.toml constraints.txt
	@echo "Installing (once) ..."
	@$(PIP) install -c constraints.txt setuptools
	@$(PIP) install -c constraints.txt --no-build-isolation -e .
	@touch $@

$(VENV)/test: $(VENV)/runtime
	@echo "Installing what the tests need (once) ..."
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[test]'
	@touch $@

$(VENV)/audit: $(VENV)/test
	@echo "Installing what looks for weak spots (once) ..."
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[audit]'
	@touch $@
