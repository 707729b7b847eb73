# Everything here sets itself up on a machine that has only Python 3.11+ and make.
# Pass options on with ARGS:      make demo ARGS="--json"
# Choose the interpreter with:    make demo PYTHON=python3.12

PYTHON ?= python3
ARGS   ?=

VENV   := $(CURDIR)/.venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
UV     := $(BIN)/uv

# Dagster starts a fresh process for every run: without bytecode each one compiles the world again.
unexport PYTHONDONTWRITEBYTECODE
# An outer environment must not decide what this one imports.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export UV_PYTHON_DOWNLOADS := never

# A moved checkout or a removed interpreter leaves an environment that looks whole and is not.
USABLE := $(shell $(BIN)/python -c "" 2>/dev/null && grep -qsF "$(VENV)" $(BIN)/activate && echo yes)
ifneq ($(USABLE),yes)
  $(shell rm -rf "$(STAMPS)")
endif

.DEFAULT_GOAL := help
.PHONY: help demo up test chaos bench-pair lint audit ci requirements clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMPS)/project ## a whole rebalance on this machine: servers, exchange, orders, fills
	@$(BIN)/trimtab demo $(ARGS)

up: $(STAMPS)/project ## everything, with the Dagster UI; Ctrl-C stops it all
	@$(BIN)/trimtab up $(ARGS)

test: $(STAMPS)/dev $(STAMPS)/project ## every test but the slow ones; ARGS="-m slow" runs those
	@$(BIN)/pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

chaos: $(STAMPS)/dev $(STAMPS)/project ## break everything, then prove no order was lost; ARGS="--short" takes a minute
	@$(BIN)/python -m tests.chaos $(ARGS)

bench-pair: $(STAMPS)/project ## what changed since BEFORE=commit bought; ARGS="throughput --variant one"
	@$(BIN)/python -m bench.pair "$(BEFORE)" $(ARGS)

lint: $(STAMPS)/dev $(STAMPS)/project ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(STAMPS)/dev $(STAMPS)/project ## every pin has hashes and fits the others; advisories: docs/security.md
	@$(UV) pip check --python $(BIN)/python
	@awk -f requirements/hashed.awk requirements/*.txt
	@echo "Not asked: known vulnerabilities. That needs the internet: see docs/security.md" >&2

ci: ## what a continuous integration server runs
	@bash .ci/run

requirements: $(STAMPS)/uv ## pin anew after editing requirements/*.in; ARGS="--upgrade" moves the pins
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/runtime.in -c requirements/dev.txt -o requirements/runtime.txt

clean: ## remove the environment and every cache; books under TRIMTAB_HOME stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make requirements" $(ARGS)
INSTALL = sh requirements/install.sh "$(VENV)"

# One stamp per step: going from `make demo` to `make test` adds only what is missing.
$(STAMPS)/uv: requirements/uv.txt
	@sh requirements/create.sh "$(PYTHON)" "$(VENV)" "$(USABLE)"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements/runtime.txt $(STAMPS)/uv
	@echo "Installing what Trimtab needs to run ..." >&2
	@$(INSTALL) --require-hashes -r requirements/runtime.txt
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/runtime
	@echo "Installing what checks Trimtab ..." >&2
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMPS)/project: pyproject.toml $(STAMPS)/runtime
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
