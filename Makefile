# Everything that a developer or a machine does here. `make` alone says what there is.
# On a fresh machine: Python 3.11, 3.12 or 3.13 (PYTHON=python3.12 chooses) and make, nothing else.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
RUNS    = $(VENV)/.runs
READY   = $(VENV)/.ready
MEASURES = $(VENV)/.measures
CODE    = $(wildcard learners streams service tests bench conftest.py docs/*.py)

.PHONY: help install lint types imports docker-check warm unit quick test demo picture pages bench constraints format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## the virtual environment, with everything pinned

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Kindred needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are younger than both files that decide what is installed, so nothing is installed
# twice: one for what runs, one for what runs and checks.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	@touch $(RUNS) $@

$(RUNS): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(MEASURES): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[bench]'
	@touch $(RUNS) $@

lint: $(READY) ## ruff: errors, order, format
	$(BIN)/ruff check $(CODE)

types: $(READY) ## mypy --strict
	$(BIN)/mypy $(CODE)

imports: $(READY) ## who may import whom
	$(BIN)/lint-imports

docker-check: $(READY) ## hadolint
	$(BIN)/hadolint --failure-threshold warning Dockerfile

# Loops are compiled before, once: each process of tests then has a copy of them (conftest.py).
# What is compiled into other loops, or called by them, does not tell their caches that it changed.
warm: $(READY)
	find learners service -name '*.nb[ic]' ! -newer "$$(ls -t $$(find learners service -name '*.py') | head -1)" -delete
	$(BIN)/kindred warm

# A file's tests stay in one process, in their order.
PYTEST = $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

unit: warm
	$(PYTEST) --durations=10

quick: $(READY) ## the tests but the slow ones
	$(BIN)/kindred warm
	$(PYTEST) -m 'not slow'

test: $(READY) ## all that must hold before a change goes in
	$(MAKE) --jobs 2 lint imports docker-check types unit

demo: $(RUNS) ## the main job on real data, in minutes
	@$(BIN)/kindred demo .demo

bench: $(MEASURES) ## all measurements in their short form: docs/benchmarks.md, in minutes
	$(BIN)/kindred warm
	$(BIN)/python -m bench

picture: $(RUNS) ## the README's picture, from a real run
	$(BIN)/python docs/picture.py

pages: $(RUNS) ## docs/algorithms, from the code and from runs
	$(BIN)/python docs/algorithms.py

format: $(READY) ## imports in order, what ruff can mend
	$(BIN)/ruff check --fix $(CODE)

constraints: ## resolve the pinned versions anew
	$(PYTHON) -m venv $(VENV)-resolve
	$(VENV)-resolve/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.6'
	$(VENV)-resolve/bin/uv pip compile --quiet --universal --upgrade --all-extras --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links --python-version 3.11 -o $(VENV)-resolve/pins pyproject.toml
	{ echo '# Versions that are tested together, for Python 3.11 to 3.13. Made by `make constraints`.'; \
	  cat $(VENV)-resolve/pins; } > constraints.txt
	rm -rf $(VENV)-resolve

clean: ## what was built, installed or cached here
	rm -rf $(VENV) $(VENV)-resolve build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
