# combust: `make flame` runs the demonstration, `make test` the tests; both set up what they need first.
SHELL   := /bin/bash
PYTHON  := .venv/bin/python
RANKS   ?= 2
# Tests on all processors, of a file in one process; SPREAD= runs them in one, one after the other.
SPREAD  ?= -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder
export OMP_NUM_THREADS ?= 1

.PHONY: env flame test test-all check format docs gallery validate benchmark clean

env: .venv/ready

.venv/ready: setup.cfg pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh

flame: env
	scripts/mpirun.sh -n $(RANKS) $(PYTHON) -m combust.run cases/flame.toml --force

test: env
	$(PYTHON) -m pytest $(SPREAD) -m "not slow" tests

test-all: env
	$(PYTHON) -m pytest $(SPREAD) tests

check: env
	$(PYTHON) -m ruff check combust tests benchmarks validation docs/conf.py docs/builder
	$(PYTHON) -m ruff format --check combust tests benchmarks validation docs/conf.py docs/builder
	$(PYTHON) -m mypy

format: env
	$(PYTHON) -m ruff check --fix combust tests benchmarks validation docs/conf.py docs/builder
	$(PYTHON) -m ruff format combust tests benchmarks validation docs/conf.py docs/builder

# The site, in build/docs/index.html; a warning is an error.
docs: env
	$(PYTHON) -m sphinx -W --keep-going -q -b html docs build/docs

# Runs all cases once more (a quarter of an hour of CPU time) for the pictures and times of the gallery.
gallery: env
	$(PYTHON) docs/builder/gallery.py

validate: env
	$(PYTHON) -m validation

# Hours on a quiet machine; figures of other processors stay.
benchmark: env
	for arguments in "kinetics.py --mech all" "reactor.py" "reactor.py --mech gri30.yaml --cells 3000 --rtol 1e-3,1e-4,1e-5,1e-6" \
	    "ignition.py" "ignition.py --mech nDodecane_Reitz.yaml --delays 200" "cost.py" "start.py" "start.py --case flame1d_ch4.toml --ranks 1" "start.py --case flame_learned.toml --ranks 1" "gradients.py" "stirred.py" "chemistry.py" "pays.py" "floor.py" "flow.py" "flow.py --flame ch4 --cells 96" "flow.py --flame gri30 --cells 96" "flow.py --flame nh3 --cells 96" "pressure.py --refine" \
	    "flow.py --dimensions 3 --cells 48 --warm 5" "flow.py --dimensions 3 --cells 48 --flame gri30 --warm 3 --steps 5" \
	    "flow.py --growth cells --dimensions 3" "flow.py --growth species --dimensions 3 --cells 32 --steps 5"; do \
	    $(PYTHON) benchmarks/$$arguments --keep || exit 1; done
	if command -v reactingFoam; then $(PYTHON) benchmarks/strip.py --keep; fi
	scripts/mpirun.sh -n 2 $(PYTHON) benchmarks/flow.py --keep
	scripts/mpirun.sh -n 2 $(PYTHON) benchmarks/flow.py --dimensions 3 --cells 64 --warm 5 --alone --keep
	$(PYTHON) benchmarks/page.py

clean:
	rm -rf runs .venv build dist *.egg-info
