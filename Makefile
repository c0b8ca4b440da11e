# combust: `make flame` runs the demonstration, `make test` the tests; both set up what they need first.
SHELL   := /bin/bash
PYTHON  := .venv/bin/python
RANKS   ?= 2
# Open MPI refuses root and more ranks than cores unless told otherwise; other launchers do not know these flags.
MPIRUN  := mpirun $(shell mpirun --version 2>/dev/null | grep -q 'Open MPI' && echo --oversubscribe) \
           $(shell mpirun --version 2>/dev/null | grep -q 'Open MPI' && [ "$$(id -u)" = 0 ] && echo --allow-run-as-root)
export OMP_NUM_THREADS ?= 1

.PHONY: env flame test test-all check format validate clean

env: .venv/ready

.venv/ready: setup.cfg pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh

flame: env
	$$(command -v mpirun) $(wordlist 2,99,$(MPIRUN)) -n $(RANKS) $(PYTHON) -m combust.run cases/flame.toml --force

test: env
	$(PYTHON) -m pytest -m "not slow" tests

test-all: env
	$(PYTHON) -m pytest tests

check: env
	$(PYTHON) -m ruff check combust tests benchmarks validation
	$(PYTHON) -m mypy

format: env
	$(PYTHON) -m ruff check --fix combust tests benchmarks validation

validate: env
	$(PYTHON) -m validation

clean:
	rm -rf runs .venv build dist *.egg-info
