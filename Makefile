# Two commands for everybody: `make demo` and `make test`. Both make the environment they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Two processes: one of them runs the tests that need Ray, the other one those of the rest. With one
# thread each, because threads of a busy machine spend most of their time waiting for each other. With
# compiled files kept, whatever the shell says: hundreds of processes import the package.
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2
# Hours on a laptop, by `make zoo` and `make chaos`; and what needs a GPU, by `make gpu`.
LONG = tests/zoo/test_overfit.py tests/zoo/test_tables.py tests/chaos tests/gpu
READY = $(VENV)/.ready

.PHONY: demo test check docs unit chaos gpu zoo zoo-quick mutate same pairs agents bench bench-gpu lock clean

demo: $(READY)
	$(BIN)/raytrain demo jobs/phantom.yaml

test: $(READY) check docs
	$(PYTEST) tests $(LONG:%=--ignore=%)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/unit/test_imports.py

# The site in build/site. Strict: a link that leads nowhere fails.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

unit: $(READY)
	$(PYTEST) tests/unit -m 'not slow'

# Nodes, controllers and drivers killed, drained and replaced on a Ray cluster of several nodes.
chaos: $(READY)
	$(BIN)/python -m pytest tests/chaos tests/ray/test_survive.py

# Memory that runs out, trainings side by side, resumed bits: on a machine with a GPU (it needs no Ray).
gpu: $(READY)
	$(BIN)/python -m pytest tests/gpu

# Every architecture: all pairs, compiling, exporting, learning by heart (hours on a laptop).
zoo: $(READY)
	$(BIN)/python -m pytest tests/zoo

# What `make test` runs of it: every decoder with three encoders, and every encoder.
zoo-quick: $(READY)
	$(BIN)/python -m pytest tests/zoo/test_pairs.py

# How many of 30 small faults the unit tests find (half an hour on a laptop).
mutate: $(READY)
	$(BIN)/python -m tests.mutate

# Whether the demo, a small run and the schema give the recorded bytes (for moves of code).
same: $(READY)
	$(BIN)/python -m tests.same

# docs/pairs.md anew.
pairs: $(READY)
	$(BIN)/python -m tests.zoo.pairs

# What agents read: the part of AGENTS.md on commands, llms.txt and the skill, from the commands.
agents: $(READY)
	$(BIN)/python -m tests.agents

bench: $(READY)
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.data
	$(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.rle
	$(BIN)/python -m benchmarks.picks
	$(BIN)/python -m benchmarks.few_groups
	$(BIN)/python -m benchmarks.million
	$(BIN)/python -m benchmarks.startup

# On a machine with a GPU (it needs no Ray): speed, busy time, floor, and that no step waits.
bench-gpu: $(READY)
	$(BIN)/python -m benchmarks.gpu

# A stamp, so that an installation that was broken off is done again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'raytrain needs Python 3.11 or newer; call make with PYTHON=python3.12')"
	@echo "installing into $(VENV): some minutes, several GB with CUDA on Linux"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --editable .
	touch $(READY)

# New pins from pyproject.toml, from a fresh environment; CUDA's packages are Linux's.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check ".[dev]"
	(sed '/^[^#]/,$$d' requirements.lock; build/lock/bin/python -m pip freeze --exclude raytrain \
	| sed -E "s/\\+cpu//; s/^((nvidia|cuda|triton).*)/\\1 ; sys_platform == 'linux' and platform_machine == 'x86_64'/") \
	> build/lock.txt
	mv build/lock.txt requirements.lock
	$(MAKE) requirements-cpu.lock

# The same pins for Linux without a GPU: no CUDA packages, and torch in its build for CPUs.
requirements-cpu.lock: requirements.lock
	(echo "# requirements.lock without CUDA, for Linux. PyPI does not have the builds +cpu; docs/how/install.md"; \
	echo "# says where they are. Made by \`make requirements-cpu.lock\`."; \
	sed -E '/^(#|nvidia|cuda|triton)/d; s/^(torch|torchvision)==([0-9.]+)$$/\1==\2+cpu/' requirements.lock) > $@

clean:
	rm -rf $(VENV) build *.egg-info
