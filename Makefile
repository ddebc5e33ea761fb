# fptdsl: everything from a fresh clone with python3 (3.10 or newer), make and a package index.
#
#   make demo      train a small network, grow it, check it, train on
#   make test      linters and the tests (the slow sweeps excepted)
#   make test-all  the sweeps and slow tests too

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= 2

# One thread for each test worker: small tensors, and the workers share the cores.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help setup venv demo test test-all lint format types bench docs clean

help:
	@sed -n 's/^#   //p' Makefile

setup venv: $(STAMP)

# torch comes first and pinned, so that no other requirement can choose another build of it.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'fptdsl needs Python 3.10 or newer')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,examples]"
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/digits/run.py --out demo

test: lint
	$(TEST_ENV) $(BIN)/python -m pytest -q -n $(JOBS)

test-all: lint
	$(TEST_ENV) $(BIN)/python -m pytest -q -n $(JOBS) -m ""

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Rewrites the pages that are made by scripts.
docs: $(STAMP)
	$(BIN)/python docs/make_pages.py
	$(BIN)/python docs/make_proof.py

bench: $(STAMP)
	$(BIN)/python benchmarks/startup.py --out benchmarks/results/startup.md
	$(BIN)/python benchmarks/apply.py --out benchmarks/results/apply.md

clean:
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
