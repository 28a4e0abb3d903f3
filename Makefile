# Everything this Makefile makes stays in .venv/ and .run/ (and the tools' caches, see .gitignore).
# `make help` lists what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:

# The first Python of 3.11 to 3.13 on the path; name another with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; \
	done | grep . || echo python3)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --durations=15
WORKERS ?= 2

export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins

.PHONY: help kerberos cluster run preflight test test-fast test-airflow e2e e2e-crash e2e-hostile e2e-load e2e-random bench lint format lock clean venv

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

venv:  ## make .venv, or make it again when the lock changed
	@$(PYTHON) scripts/make_venv.py

kerberos: venv  ## add Kerberos for Dynamics GP to .venv (built here: needs Debian's libkrb5-dev and gcc)
	@UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-kerberos.lock

cluster: venv  ## the demo on PostgreSQL, Redis and two Celery workers, one of them killed while it posts
	@UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-cluster.lock
	@exec $(BIN)/python -m scripts.cluster

run: venv  ## Airflow with the sandbox and the demo tenants; HEADLESS=1 ends after the table
	@exec $(BIN)/python -m scripts.run $(if $(filter-out 0,$(HEADLESS)),--headless)

preflight: venv  ## would a tenant's reports post? TENANT=<name>; writes nothing
	@$(BIN)/python -m scripts.preflight "$(TENANT)"

test: venv  ## the fast tests, then those on one running Airflow
	@$(MAKE) --no-print-directory --keep-going test-fast test-airflow

test-fast:
	$(PYTEST) -n $(WORKERS) -m "not airflow and not e2e"

test-airflow:
	$(PYTEST) -m "airflow and not e2e" tests/e2e

e2e: venv  ## the long lists of end-to-end tests
	$(PYTEST) -m e2e

e2e-crash: venv  ## kill -9 and faults at every boundary, as a table; then real kills and clears on a real Airflow
	$(BIN)/python -m tests.crash $(CRASH)
	$(PYTEST) -m "airflow" tests/e2e/test_erps.py -k "killed or cleared or lost_answers or deleted_while"

bench: .run/bench/venv/complete  ## speed and cost beside what else one would use; ROWS=parse,intake measures only these
	@.run/bench/venv/bin/python -m bench $(subst $(comma), ,$(ROWS))

comma := ,
.run/bench/venv/complete: requirements.lock requirements-bench.txt | venv
	@mkdir -p .run/bench && $(BIN)/uv venv --quiet --clear --python $(BIN)/python .run/bench/venv
	@UV_SYSTEM_CERTS=1 UV_CACHE_DIR=.run/cache/uv $(BIN)/uv pip install --quiet --python .run/bench/venv/bin/python --require-hashes -r requirements.lock
	@UV_SYSTEM_CERTS=1 UV_CACHE_DIR=.run/cache/uv $(BIN)/uv pip install --quiet --python .run/bench/venv/bin/python -r requirements-bench.txt
	@touch $@

e2e-hostile: venv  ## every client against every malicious answer, and thousands of damaged ones
	HOSTILE_EXAMPLES=$(or $(EXAMPLES),200) $(PYTEST) -n $(WORKERS) tests/hostile

e2e-load: venv  ## 100,000 expenses of one tenant in one window, and 200 tenants (TENANTS=200) on one schedule
	LOAD_TENANTS=$(or $(TENANTS),200) $(PYTEST) -m e2e tests/load

e2e-random: venv  ## sequences of whatever may happen: SEED=7 STEPS=3000 ERP=syspro (default: 1, 1000, all five)
	$(BIN)/python -m tests.sequences --seed $(or $(SEED),1) --steps $(or $(STEPS),1000) $(if $(ERP),--erp $(ERP))

lint: venv  ## ruff, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(wildcard include plugins dags scripts provider bench)

format: venv  ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# No addresses in the locks: they hold on any mirror. Universal: one lock for Python 3.11 to 3.13.
UV_LOCK := UV_SYSTEM_CERTS=1 UV_CACHE_DIR=.run/cache/uv $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

lock: venv  ## pin all requirements again (UPGRADE=1: to the newest versions)
	$(UV_LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.lock requirements.txt
	$(UV_LOCK) $(if $(UPGRADE),--upgrade) --constraints requirements.lock --output-file requirements-dev.lock requirements-dev.txt
	$(UV_LOCK) $(if $(UPGRADE),--upgrade) --constraints requirements.lock --output-file requirements-kerberos.lock requirements-kerberos.txt
	$(UV_LOCK) $(if $(UPGRADE),--upgrade) --constraints requirements.lock --output-file requirements-cluster.lock requirements-cluster.txt

clean:  ## remove everything that was made here (refuses while `make run` is running)
	@if [ -e .run/run.lock ] && ! { [ -x $(BIN)/python ] && $(BIN)/python -m scripts.run --check-not-running; }; then exit 1; fi
	rm -rf .venv .run .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
