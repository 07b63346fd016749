# make demo, make test: each does its own set-up. PYTHON is the interpreter that makes .venv.
PYTHON ?= python3
BIN := .venv/bin

# Those of docs/benchmarks.md that need nothing but ../shared.
BENCHMARKS := linear_probe predict full_step reading partial frozen_part

.PHONY: demo test test-slow check format bench clean

demo: .venv/installed
	rm -rf headstart-demo
	$(BIN)/headstart demo

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 3  # on 2 cores too, as some tests wait for processes

test-slow: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -m slow --timeout 1800 --durations 20

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pydoclint -q src
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q tests/test_layers.py

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed-dev
	for name in $(BENCHMARKS); do OMP_NUM_THREADS=1 $(BIN)/python bench/$$name.py || exit 1; done

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[models]'
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[models,dev]'
	touch $@

clean:
	rm -rf .venv headstart-demo .pytest_cache .ruff_cache build src/*.egg-info
