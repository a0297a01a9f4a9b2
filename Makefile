# Every command anyone needs. `make demo` and `make test` set up everything themselves the first time.
# Assumes: Python 3.11 or newer, GNU make, a C compiler.
PYTHON ?= $(shell command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && echo python3.12 || (command -v python3.11 >/dev/null 2>&1 && python3.11 -c '' 2>/dev/null && echo python3.11) || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
JOBS ?= auto

.PHONY: demo bench test test-all tools check fix docs generate lock artifacts clean
.DEFAULT_GOAL := demo

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Commonwatt needs Python 3.11 or newer, found %d.%d: try make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8

$(VENV)/.base: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.base
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.base  ## one week of the bundled community, end to end, into out/demo
	@rm -rf out/demo
	@$(BIN)/commonwatt run examples/fontana --out out/demo

bench: $(VENV)/.dev  ## the benchmarks: limits, references, into out/bench.json; make bench SUITE=clearing for one
	@$(BIN)/commonwatt bench $(SUITE) --json out/bench.json

test: $(VENV)/.dev  ## every test that needs no outside server
	$(BIN)/python -m pytest -q -n $(JOBS) -m "not full"

test-all: tools  ## all tests
	$(BIN)/python -m pytest -q -n $(JOBS) $(PYTEST_EXTRA)

tools: $(VENV)/.dev  ## what only the full tests need
	@sh scripts/tools.sh

check: $(VENV)/.dev  ## style, types, import stairs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: $(VENV)/.dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## the documentation into site/
	$(BIN)/mkdocs build --strict --quiet

artifacts: $(VENV)/.dev  ## compile the contracts into src/commonwatt/contracts/artifacts, fit the gas model on them
	$(BIN)/python scripts/compile_contracts.py
	$(BIN)/python scripts/fit_gas_model.py

generate: $(VENV)/.dev  ## what is generated from the code: the reference pages, the example file, the verifier of bills
	$(BIN)/python scripts/generate.py

lock: $(UV)  ## resolve the dependencies again
	sh scripts/lock.sh

clean:
	rm -rf $(VENV) out site .mypy_cache .ruff_cache .pytest_cache .hypothesis
