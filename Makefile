# einsearch from a checkout. `make` alone lists what there is.

PYTHON ?= python3
TORCH  ?= torch==2.13.0
SPACE  ?= search_spaces/digits.yaml
RUN    ?= runs/$(basename $(notdir $(SPACE)))-$(shell date +%Y%m%d-%H%M%S)
JOBS   ?= 2

LONG := $(patsubst %,benchmarks/%.py,search_quality soundness trainability nasbench201_classes throughput cost_model outcomes)
VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check
CORE := $(VENV)/.core-installed
DEV  := $(VENV)/.dev-installed

.PHONY: help search test test-faults lint format bench evidence quality clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

search: $(CORE) ## set up, then search for a network on scikit-learn's digits (minutes)
	@$(BIN)/einsearch search $(SPACE) --run $(RUN)

test: $(DEV) ## set up, then run all tests
	@$(BIN)/python -m pytest -n $(JOBS)

test-faults: $(DEV) ## kill parts of a running cluster, many times (a quarter of an hour)
	@$(BIN)/python -m pytest -s tests/faults/full.py tests/faults/test_short.py tests/cluster/live_submit.py

lint: $(DEV) ## formatting, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV) ## format the code and fix what can be fixed by itself
	@$(BIN)/ruff check --fix --select I .
	@$(BIN)/ruff format .

bench: $(CORE) ## speed of sampling, mutating and of the search loop
	@for file in $(filter-out $(LONG),$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

evidence: $(DEV) ## samples run, hashes counted, requirements against training (hours)
	@$(BIN)/python benchmarks/nasbench201_classes.py
	@mkdir -p runs/evidence
	@$(BIN)/python benchmarks/soundness.py --json runs/evidence/soundness-{}.json
	@$(BIN)/python benchmarks/trainability.py --truth runs/evidence/trainability.jsonl
	@rm -rf runs/evidence/damaged; $(BIN)/einsearch search digits --trials 3 --run runs/evidence/damaged
	@$(BIN)/python -m tests.cli.damage runs/evidence/damaged

quality: $(DEV) ## how good every searcher is (hours); tables are read from EINSEARCH_DATA, if set
	@$(BIN)/python benchmarks/search_quality.py --jobs $(JOBS) --out runs/quality

clean: ## remove .venv and caches; runs/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); \
	    found = ".".join(map(str, sys.version_info[:3])); \
	    sys.exit(0 if ok else f"einsearch needs Python 3.11 to 3.13, $(PYTHON) is {found}; " \
	    "name another one: make search PYTHON=python3.12")'
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# PyTorch first, and only where there is none: whoever installed another build of it keeps it.
$(CORE): pyproject.toml | $(BIN)/python
	@$(BIN)/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' \
	    || { echo "Installing $(TORCH)"; $(PIP) install -qq "$(TORCH)"; }
	@echo "Installing einsearch"
	@$(PIP) install -qq --editable .
	@touch $@

$(DEV): $(CORE)
	@echo "Installing what the tests and checks need"
	@$(PIP) install -qq --editable '.[dev]'
	@touch $@
