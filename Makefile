.DEFAULT_GOAL := help
.PHONY: help install demo study bench test test-demo test-slow torture fuzz schema lint format clean

PYTHON ?= python3
UV_VERSION := 0.13.9
KILLS ?= 200
RUNS_DIR ?= runs
DATA_DIR ?= data
VENV := .venv
RDROP := $(VENV)/bin/rdrop
DIRS := --runs-dir $(RUNS_DIR) --data-dir $(DATA_DIR)

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

install: $(VENV)/.installed ## Make the environment from the locked versions (every target below does)

$(VENV)/.installed: pyproject.toml uv.lock
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	UV_PYTHON_DOWNLOADS=never $(VENV)/bin/uv sync --quiet --locked --inexact
	touch $@

demo: install ## Train both variants on the embedded weather in minutes, and compare them in a picture
	$(RDROP) train --dataset synthetic --protocol demo $(DIRS)
	$(RDROP) plot --runs-dir $(RUNS_DIR)

study: install ## The real thing: download the Jena data, train both variants, compare them
	$(RDROP) download --data-dir $(DATA_DIR)
	$(RDROP) train $(DIRS)
	$(RDROP) plot --runs-dir $(RUNS_DIR)

bench: install ## Measure speed against the book's way and Keras's defaults (about ten minutes)
	$(RDROP) bench --data-dir $(DATA_DIR)

test: install ## Run the tests (three to five minutes on two cores)
	$(VENV)/bin/pytest -q -n auto --dist loadfile

test-demo: install ## Run the demo, and check that its picture shows what it promises
	$(VENV)/bin/pytest -q -m slow tests/test_demo.py

test-slow: install ## Run the tests that take minutes, the demo among them
	$(VENV)/bin/pytest -q -m slow

torture: install ## Kill the real command 200 times (KILLS=25 for fewer; ten a minute) and compare with a run left alone
	RDROP_KILLS=$(KILLS) $(VENV)/bin/pytest -q -m slow tests/torture/test_real_kills.py

fuzz: install ## Try 230 000 inputs on every reader and the command line (three minutes); RDROP_FUZZ_SEED=1 for others
	RDROP_FUZZ=2000 $(VENV)/bin/pytest -q -n 2 --dist loadfile tests/torture/test_fuzz*.py tests/torture/test_coverage_guided.py

schema: install ## Write the JSON Schema of a run's files, and their tables, into docs/
	$(VENV)/bin/python -m rdrop_cli.runs.json_schema docs

lint: install ## Check style, formatting and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: install ## Format the code
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .

clean: ## Remove the environment and caches; data and runs stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find rdrop_cli tests -name __pycache__ -prune -exec rm -rf {} +
