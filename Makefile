# Two commands for a newcomer: `make demo` and `make test`. Each sets up its own environment.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= runs/demo

.PHONY: demo test lint setup clean

demo: $(VENV)/run-ready
	PATH="$(BIN):$$PATH" experiments/demo.sh $(DEMO)

test: $(VENV)/dev-ready lint
	$(BIN)/python -m pytest

lint: $(VENV)/dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/dev-ready

# The stamps are written last, so that an interrupted set-up is done again.
$(VENV)/run-ready: requirements.txt setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev-ready: $(VENV)/run-ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
