# `make serve` and `make test` set up all they need, in .venv. On Linux with an index that offers several builds of
# torch, hand the one with CPU builds over: make serve TORCH_INDEX=URL

PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := --constraint requirements.lock $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
ARTIFACTS := digit-net digit-net-best memory-lstm memory-lstm-open memory-lstm-long

.PHONY: serve test chaos check fuzz audit bench bench-http load openapi artifacts format lock clean

serve: $(VENV)/runtime  ## the service with its worker on 127.0.0.1:8000
	@$(BIN)/patchclamp serve

# What holds forecasts and speeds to its watch, or wants both cores, has the machine to itself, after all others.
ALONE := tests/benchmarks tests/browser $(patsubst %,tests/contract/test_%.py,limits queue schema)

test: $(VENV)/development  ## all tests; says which it leaves out and why
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ALONE:%=--ignore=%)
	@$(BIN)/python -m pytest $(ALONE)

chaos: $(VENV)/development  ## two APIs, two workers, 60 kills, on both databases; some ten minutes (SEED=7 repeats a plan)
	@$(BIN)/python -m tests.faults.chaos $(if $(SEED),--seed $(SEED))

check: $(VENV)/development  ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright

format: $(VENV)/development  ## brings the code into the one format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

FUZZ ?= 2000
fuzz: $(VENV)/development  ## new random input for every way in, much more than in make test (FUZZ=100000: all night)
	@FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest tests/fuzz tests/contract/test_schema.py

audit: $(VENV)/development  ## what is known against our packages, and what looks unsafe in our code
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive models service benchmarks
	@$(BIN)/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off --format json | \
		$(BIN)/python .ci/audit.py

bench: $(VENV)/development  ## speed against named peers, as ratios (BENCH=--short: a minute)
	@$(BIN)/python -m benchmarks $(BENCH)

bench-http: $(VENV)/development $(PEERS)/ready  ## answers a second beside an echo and other servers (needs wrk; some minutes)
	@$(BIN)/python -m benchmarks --only http $(BENCH)

load: $(VENV)/development  ## a class of 100 on both databases, half an hour (LOAD=--short: two minutes)
	@$(BIN)/python -m benchmarks.load $(LOAD)

openapi: $(VENV)/runtime  ## writes docs/openapi.json anew
	@$(BIN)/patchclamp openapi > docs/openapi.json

artifacts: $(VENV)/runtime  ## trains the shipped models anew (needs MNIST)
	@for model in $(ARTIFACTS); do $(BIN)/python -m models.artifacts $$model || exit 1; done

lock: $(VENV)/development  ## pins the whole tree as it is installed here
	@$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

clean:  ## removes the environment and caches, never the data folder
	@rm -rf $(VENV) .pytest_cache .ruff_cache build *.egg-info

# torch first, alone: what depends on it then finds the pinned build and asks for no other.
# What short answers need is compiled here, or else the first picture would wait for it.
$(VENV)/runtime: pyproject.toml requirements.lock
	@echo "Setting up $(VENV) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) $(PINNED) torch==2.13.0
	@$(PIP) $(PINNED) --editable .
	@$(BIN)/python -c 'from service.warming import warm_answers; warm_answers()'
	@touch $@

# Servers that ours is measured against want other versions than we do.
$(PEERS)/ready: benchmarks/http/peers/requirements.txt
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --requirement $<
	@touch $@

$(VENV)/development: $(VENV)/runtime
	@$(PIP) $(PINNED) --editable '.[dev]'
	@touch $@
