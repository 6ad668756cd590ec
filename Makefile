.DEFAULT_GOAL := help
.PHONY: help install demo study bench test test-all test-demo test-slow test-package test-slurm torture races fuzz agreement calibrate releases coverage lint format schema docs architecture dist lock anatomy clean

PYTHON ?= python3
KILLS ?= 200
RACES ?= 200
EVERY ?= 1
RUNS_DIR ?= runs
DATA_DIR ?= data
VENV := .venv
RDROP := $(VENV)/bin/rdrop
DIRS := --runs-dir $(RUNS_DIR) --data-dir $(DATA_DIR)
# Files in the order of tests/conftest.py, each in one process, which keeps what its tests share.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder
# Where an environment forbids bytecode, each of the hundreds of processes of the tests compiles rdrop again.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(VENV)/.installed ## Create .venv from the locked versions, by checksum; every target below does this first

$(VENV)/.installed: pyproject.toml uv.lock requirements-build.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.txt
	UV_PYTHON_DOWNLOADS=never $(VENV)/bin/uv sync --quiet --locked --inexact --compile-bytecode
	touch $@

demo: install ## Train both networks on generated weather in minutes and plot their curves and a week of forecasts
	$(RDROP) train --dataset synthetic --protocol demo $(DIRS)
	$(RDROP) plot --runs-dir $(RUNS_DIR)
	$(RDROP) plot dropout --forecast --runs-dir $(RUNS_DIR)

study: install ## Download the Jena data, train both networks and plot their curves
	$(RDROP) download --data-dir $(DATA_DIR)
	$(RDROP) train $(DIRS)
	$(RDROP) plot --runs-dir $(RUNS_DIR)

bench: install ## Compare training speed with Keras's defaults (about ten minutes)
	$(RDROP) bench --data-dir $(DATA_DIR)

test: install ## Run the tests that are fast (three minutes on two cores)
	$(VENV)/bin/pytest -q $(PARALLEL)

test-all: install ## Run all tests but those that take minutes (eight minutes on two cores)
	$(VENV)/bin/pytest -q $(PARALLEL) -m "not slow"

test-demo: install ## Run the demo and check its result
	$(VENV)/bin/pytest -q -m slow tests/test_demo.py

test-slow: install ## Run the tests that take minutes
	$(VENV)/bin/pytest -q -m slow

test-package: install ## Build the wheel and the sdist, install the wheel in a clean environment and train
	$(VENV)/bin/pytest -q -m slow tests/test_package.py

test-slurm: install ## Let jobs of a real Slurm on this machine run out of time (a quarter of an hour; docs/cluster.md)
	$(VENV)/bin/pytest -q -s -m slow tests/jobs/test_slurm.py

torture: install ## Kill a training 200 times (nine minutes; KILLS=25 for fewer) and compare its result
	RDROP_KILLS=$(KILLS) $(VENV)/bin/pytest -q -m slow tests/torture/test_real_kills.py

races: install ## Let four processes at a time meet on one runs folder (200 rounds, minutes; RACES=20 for fewer)
	RDROP_RACES=$(RACES) $(VENV)/bin/pytest -q -m "slow or not slow" tests/torture/test_races.py

fuzz: install ## Fuzz every reader and the command line (three minutes; RDROP_FUZZ_SEED=1 for other inputs)
	RDROP_FUZZ=2000 $(VENV)/bin/pytest -q -m "not slow" $(PARALLEL) tests/torture/test_fuzz*.py tests/torture/test_coverage_guided.py

agreement: install ## Print how far the kernel is from Keras in float64, network by network (half an hour; EVERY=7 for fewer sizes)
	$(VENV)/bin/python -m tests.nn.agreement $(EVERY)

coverage: install ## Run the tests and list the lines that they miss (htmlcov/index.html)
	$(VENV)/bin/pytest -q $(PARALLEL) -m "not slow" --cov --cov-report term --cov-report html

releases: install ## Probe what is new of Keras, tf-keras, TensorFlow and PyTorch (an hour for all; docs/releases.md)
	nice -n 10 $(VENV)/bin/python -m docs.probe_releases

calibrate: install ## Simulate the whole verdict, 100 000 studies where nothing is there (half an hour; docs/verdict.md)
	$(VENV)/bin/python -m tests.analysis.calibration

lint: install ## Check style, formatting and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: install ## Format the code
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .

schema: install ## Write the JSON Schemas of metrics.json and config.json and their tables (docs/run-folder.md)
	$(VENV)/bin/python -m rdrop_cli.runs.json_schema docs

docs: install ## Build the documentation site (docs/_build/html); warnings are errors
	$(VENV)/bin/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html

anatomy: install ## Draw the cells of all variants (docs/anatomy.png, docs/anatomy-lstm.png)
	$(VENV)/bin/python docs/draw_anatomy.py

architecture: install ## Draw the picture of the packages from their imports (docs/architecture.svg)
	$(VENV)/bin/python docs/draw_architecture.py

dist: install ## Build the wheel and the sdist into dist/, with what to install them by (requirements*.txt) and an SBOM
	rm -rf dist
	$(VENV)/bin/uv build --quiet --no-build-isolation --python $(VENV)/bin/python
	$(VENV)/bin/python .ci/release.py dist

lock: ## Renew uv.lock and the checksums of what `make install` begins with, after a change in pyproject.toml
	$(VENV)/bin/uv lock
	$(VENV)/bin/uv export --quiet --frozen --only-group build --no-annotate --no-header --output-file requirements-build.txt

clean: ## Remove the environment, caches and built files; keep data and runs
	rm -rf $(VENV) .releases .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov dist docs/_build docs/generated
	find rdrop_cli tests docs -name __pycache__ -prune -exec rm -rf {} +
