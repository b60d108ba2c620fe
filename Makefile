# pulsetrain: `make` lists the targets. Everything runs in .venv, which the first target that needs it makes.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
RUN     := $(BIN)/python
SEEDS   ?= 5
RESULTS ?= results/sim
FIRST   ?= results/first
# Two workers suit two cores; PYTEST_WORKERS=0 runs the tests in one process.
PYTEST_WORKERS ?= 2
# Trainings side by side; results do not depend on it.
PROCESSES ?= 2
# Options of scripts/ppa/ppa.py, such as PPA="--config base --device 85f".
PPA ?=

export PYTHONDONTWRITEBYTECODE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup sim test lint verilog bench bench-grids soak waves randomness in-situ effects plan mnist docs clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the virtual environment in .venv (every other target does this by itself)

$(STAMP): pyproject.toml
	@$(PYTHON) scripts/prerequisites.py
	@echo "Setting up $(VENV) (about a minute, once)"
	@test -x $(RUN) && $(RUN) -c "" 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@PYTHONWARNINGS=ignore $(RUN) -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@$(RUN) scripts/prerequisites.py --installed
	@touch $@

sim: $(STAMP) ## Train a network through the RTL, verify the RTL in Verilator against the golden model, compare all rules
	@$(PYTHON) scripts/prerequisites.py
	@echo "== 1/3  A network learns through the RTL =="
	@$(BIN)/pulsetrain train --tile rtl --overwrite --output $(FIRST)
	@echo "== 2/3  RTL against the golden model, in Verilator =="
	@$(RUN) -m pytest -n $(PYTEST_WORKERS) --dist worksteal -m sim tests
	@echo "== 3/3  All rules, RTL and model in lockstep =="
	@$(BIN)/pulsetrain train --tile rtl --rule all --seeds $(SEEDS) --compare --processes $(PROCESSES) --overwrite --output $(RESULTS)

test: $(STAMP) ## Run every test (this is what CI runs)
	@$(PYTHON) scripts/prerequisites.py
	@$(RUN) -m ruff check --quiet . && $(RUN) -m ruff format --check --quiet . && $(RUN) -m mypy
	@$(RUN) -m pytest -n $(PYTEST_WORKERS) --dist worksteal tests

lint: $(STAMP) ## ruff, strict mypy and Verilator's -Wall on the committed Verilog
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy
	@$(RUN) -m pytest -q tests/rtl/test_verilog.py -k lint

verilog: $(STAMP) ## Generate rtl/ (Verilog and pin tables of all named configurations) and the tables of the specification
	@$(RUN) -m pulsetrain_rtl.verilog --all rtl
	@$(RUN) -m pulsetrain.contract.tables docs/specification.md

bench: $(STAMP) ## Measure speed and cycle counts; keeps docs/results/bench.json and array-speed.json
	@$(RUN) scripts/bench/bench.py
	@$(RUN) scripts/bench/bench_array.py

bench-grids: $(STAMP) ## Examples a CPU second on grids of tiles, against tile by tile and one large tile (a minute)
	@$(RUN) scripts/bench/bench_grids.py

ppa: $(STAMP) ## Area by block and clock on iCE40 and ECP5; rewrites docs/results/area.md (hours, goes on if interrupted)
	@$(RUN) scripts/ppa/ppa_tools.py || { echo "Installing Yosys and nextpnr from PyPI (once)"; \
	  $(RUN) -m pip install -qq --disable-pip-version-check --editable '.[ppa]'; }
	@$(RUN) scripts/ppa/ppa.py $(PPA)

soak: $(STAMP) ## At least 10^10 decisions, reads and programmings through RTL and model (about half an hour)
	@$(RUN) scripts/soak/soak.py

waves: $(STAMP) ## Record a short run of the controller as a waveform in build/waves/
	@$(RUN) scripts/waves.py

randomness: $(STAMP) ## Judge the random source at full size; rewrites docs/results/randomness.md (minutes)
	@$(RUN) scripts/randomness/randomness.py

in-situ: $(STAMP) ## Training over ADC bits and on asymmetric devices, programming; rewrites docs/results/in-situ.md
	@$(PYTHON) scripts/prerequisites.py
	@$(RUN) scripts/in_situ/in_situ.py

effects: $(STAMP) ## Draw the figures of docs/devices anew: each effect of the array beside its equation
	@$(RUN) scripts/effects/effects.py

plan: $(STAMP) ## Planned thresholds and writes against trainings; rewrites docs/results/planning.md (MNIST: PULSETRAIN_DATA=DIR)
	@$(RUN) scripts/plan_writes.py --processes $(PROCESSES)
	@$(RUN) scripts/plan_curves.py --processes $(PROCESSES)

mnist: $(STAMP) ## MNIST on grids of tiles, every rule; rewrites docs/results/mnist.md (DATA=folder of MNIST's files)
	@$(RUN) scripts/mnist/mnist.py $(if $(DATA),--data-folder $(DATA))

docs: $(STAMP) ## Build the documents and the API reference as a site in build/docs/ (no network needed)
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	@echo "Documents: build/docs/index.html"

clean: ## Remove what was built and measured here, and .venv
	rm -rf build results $(VENV) .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
