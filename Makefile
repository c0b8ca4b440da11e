# combust: `make flame` runs the demonstration, `make test` the tests; both set up what they need first.
SHELL   := /bin/bash
PYTHON  := .venv/bin/python
RANKS   ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: env flame test test-all check format validate clean

env: .venv/ready

.venv/ready: setup.cfg pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh

flame: env
	scripts/mpirun.sh -n $(RANKS) $(PYTHON) -m combust.run cases/flame.toml --force

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
