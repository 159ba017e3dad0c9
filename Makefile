# Everything this project can do, from a fresh clone. `make help` lists it.
# The environment is .venv; stamps in .venv/stamps say what has been installed, so that a second call is quick.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export npm_config_audit := false
export npm_config_fund := false
export npm_config_update_notifier := false

python := .venv/bin/python
stamps := .venv/stamps
demo := api/static/demo/index.html
demo_sources := $(shell find demo clients/js/src \( -name node_modules -o -path demo/build -o -path demo/test \) -prune -o -type f -print 2>/dev/null)
console := api/static/console/index.html
console_sources := $(shell find console clients/js/src \( -name node_modules -o -path console/test \) -prune -o -type f -print 2>/dev/null)
test_packages := $(shell find tests -name node_modules -prune -o -name package-lock.json -printf '%h\n' 2>/dev/null)
bench_packages := $(shell find bench -name node_modules -prune -o -name package-lock.json -printf '%h\n' 2>/dev/null)

.PHONY: help
help:  ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# ------------------------------------------------------------------------------------------------------------- use

.PHONY: run
run: $(stamps)/runtime $(demo) $(console)  ## Start a server with /demo and /console at http://localhost:8000 (ARGS="--help")
	exec $(python) main.py serve --dev $(ARGS)

.PHONY: demo-assets
demo-assets: $(demo)  ## Build the page behind /demo

.PHONY: console-assets
console-assets: $(console)  ## Build the page behind /console

.PHONY: wheel
wheel: $(stamps)/dev $(demo) $(console)  ## Build dist/syncline-*.whl and check what is in it
	scripts/build-wheel

# ----------------------------------------------------------------------------------------------------------- check

.PHONY: test
test: check wheel test-all  ## Linters, the wheel, and every test there is (what CI runs)

.PHONY: test-all
test-all: $(stamps)/dev $(stamps)/test-services $(demo) $(console) $(test_packages:%=%/node_modules/.package-lock.json)
	npm --prefix demo test
	npm --prefix console test
	$(python) -m pytest $(ARGS)

.PHONY: test-unit
test-unit: $(stamps)/dev $(stamps)/test-services  ## Unit and contract tests: no server of ours, no browser, seconds (ARGS="-k recovery")
	$(python) -m pytest tests/unit tests/contract $(ARGS)

.PHONY: test-matrix
test-matrix: $(stamps)/dev $(stamps)/test-services  ## Unit and contract tests on each Python 3.11 to 3.13 found
	scripts/test-matrix

.PHONY: chaos
chaos: $(stamps)/dev $(stamps)/test-services  ## Break everything at random and look for a lost event (ARGS="--seed 7 --minutes 10")
	$(python) -m tests.lab run $(ARGS)

.PHONY: coverage
coverage: $(stamps)/dev $(stamps)/test-services  ## Branch coverage of the unit and contract tests
	$(python) -m pytest tests/unit tests/contract --cov --cov-report=term-missing $(ARGS)

.PHONY: check
check: $(stamps)/dev demo/node_modules/.package-lock.json console/node_modules/.package-lock.json  ## Linters only: format, lint, types, architecture, dependencies, shape
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/deptry .
	$(python) scripts/check_locks.py
	$(python) scripts/check_shape.py
	$(python) scripts/check_docs.py
	npm --prefix demo run check
	npm --prefix console run check

.PHONY: fmt
fmt: $(stamps)/dev  ## Format and fix what can be fixed
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

.PHONY: test-client-js
test-client-js: check-client-js  ## The JavaScript package alone: types, Vitest, size
	npm --prefix clients/js test

.PHONY: check-client-js
check-client-js: clients/js/node_modules/.package-lock.json
	npm --prefix clients/js run check

.PHONY: client-js
client-js: clients/js/node_modules/.package-lock.json  ## What npm publish would publish, in clients/js/dist
	cd clients/js && npm pack --pack-destination dist

check: check-client-js
test-all: test-client-js

# --------------------------------------------------------------------------------------------------------- measure

.PHONY: bench
bench: $(stamps)/dev $(stamps)/bench-peers $(bench_packages:%=%/node_modules/.package-lock.json)  ## Compare with floors and peers, 20 min (ARGS=--quick)
	$(python) -m bench $(ARGS)

# ------------------------------------------------------------------------------------------------------------ house

.PHONY: setup
setup: $(stamps)/dev $(stamps)/node  ## Put everything for development into .venv

.PHONY: lock
lock:  ## Write requirements/*.txt anew from pyproject.toml (needs uv)
	uv pip compile $(lock_options) -o requirements/runtime.txt pyproject.toml
	uv pip compile $(lock_options) -o requirements/dev.txt -c requirements/runtime.txt --extra otel --extra postgres --extra rabbitmq --extra redis --extra sentry --extra speed --group dev pyproject.toml
	uv pip compile $(lock_options) -o requirements/node.txt --group node

lock_options := --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command 'make lock'

.PHONY: clean
clean:  ## Remove everything that can be made again, .venv included
	rm -rf .venv dist build api/static .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find demo console tests bench clients -name node_modules -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(stamps)/runtime: pyproject.toml requirements/runtime.txt scripts/setup
	scripts/setup runtime

$(stamps)/dev: pyproject.toml requirements/dev.txt scripts/setup
	scripts/setup dev

$(stamps)/node: requirements/node.txt scripts/setup-node | $(stamps)/runtime
	scripts/setup-node

$(stamps)/test-services: scripts/setup-test-services | $(stamps)/dev
	scripts/setup-test-services

$(stamps)/bench-peers: scripts/setup-bench-peers | $(stamps)/dev
	scripts/setup-bench-peers

%/node_modules/.package-lock.json: %/package-lock.json | $(stamps)/node
	npm --prefix $* ci --ignore-scripts
	touch $@

$(demo): demo/node_modules/.package-lock.json scripts/build_page.mjs $(demo_sources)
	npm --prefix demo run build
	touch $@

$(console): console/node_modules/.package-lock.json scripts/build_page.mjs $(console_sources)
	npm --prefix console run build
	touch $@
