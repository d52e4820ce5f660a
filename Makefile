# Casewright. `make run` and `make test` need Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Processes that share the tests: two with installations that mostly wait (see tests/conftest.py), one with the others.
TESTERS := 3
# ARGS may choose tests of one kind only: then pytest ends with 5 for the other.
NONE_CHOSEN = $(if $(ARGS),|| [ $$? -eq 5 ])

.PHONY: run test fast format route-table gallery bench bench-calls bench-kernel mutants simulate chaos fuzz race overload clean

run: $(READY)  ## everything on this machine, with the demo specification deployed (Ctrl-C stops it)
	$(BIN)/casewright up --demo $(ARGS)

test: $(READY)  ## formatter, linter, types, and the whole suite
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadscope --no-loadscope-reorder -m "not alone" $(ARGS) $(NONE_CHOSEN)
	$(BIN)/python -m pytest -m alone $(ARGS) $(NONE_CHOSEN)

fast: $(READY)  ## the tests that need no server
	$(BIN)/python -m pytest tests/data tests/spec tests/patterns tests/test_architecture.py $(ARGS)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

route-table: $(READY)  ## the table of routes by role in docs/security.md
	$(BIN)/python -m tests.api.route_table

gallery: $(READY)  ## the pictures of the gallery
	for file in docs/gallery/*.yaml; do $(BIN)/casewright validate --picture $${file%.yaml}.svg $$file || exit 1; done

bench: $(READY)  ## tasks per second beside a plain Celery chain, and time from submission to the worklist
	$(BIN)/python -m tests.performance.bench $(ARGS)

bench-calls: $(READY)  ## HTTP calls and thousands of instances, beside plain Celery
	$(BIN)/python -m tests.performance.http_calls
	$(BIN)/python -m tests.performance.fan_out
	$(BIN)/python -m tests.performance.http_api

bench-kernel: $(READY)  ## the kernel alone, without Redis: beside SpiffWorkflow, and how it grows
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m tests.performance.kernel
	$(BIN)/python -m tests.performance.instances
	$(BIN)/python -m tests.performance.or_join
	$(BIN)/python -m tests.performance.soundness

mutants: $(READY)  ## a sample of small changes to the kernel, and how many of them a test sees
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[mutants]'
	$(BIN)/python -m tests.mutation $(ARGS)

simulate: $(READY)  ## ten thousand seeds of the simulation (about three minutes), and how soon planted bugs are found
	$(BIN)/python -m tests.simulation --seeds 10000 $(ARGS)
	$(BIN)/python -m tests.simulation --planted

chaos: $(READY)  ## every fault with real processes, a crash at every side effect, and histories of items (about an hour)
	$(BIN)/python -m tests.chaos --runs 3 $(ARGS)
	$(BIN)/python -m tests.chaos --failpoints
	$(BIN)/python -m tests.chaos --linearizability --runs 3

fuzz: $(READY)  ## more than 20,000 requests that are made up from the description of the API, with all checks
	$(BIN)/python -m tests.fuzz $(ARGS)

race: $(READY)  ## 100 clients race for 1,000 items, 50 rounds: each item gets exactly one owner
	$(BIN)/python -m tests.performance.race $(ARGS)

overload: $(READY)  ## five minutes of three times more than can be done
	$(BIN)/python -m tests.performance.overload --minutes 5

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Casewright needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) mutants .mypy_cache .ruff_cache .pytest_cache
