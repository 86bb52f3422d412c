# The two commands to start with: `make reproduce TABLE=2` and `make test`. Both make their own environment first.
# `make help` lists targets and variables.

PYTHON ?= python3
# A virtual environment in the checkout, or the active one with VENV=active.
VENV ?= .venv
PAPER ?=
TABLE ?=
ROW ?=
SCALE ?= laptop
DATA ?= people
DATA_ROOT ?=
BOXES ?=
SEEDS ?= 0
START ?= warm
DEVICE ?= auto
THREADS ?= 1
JOBS ?= 0
WORKERS ?= 0

ifeq ($(VENV),active)
BIN :=
READY := .environment-active
else
BIN := $(VENV)/bin/
READY := $(VENV)/.ready
endif

export OMP_NUM_THREADS ?= $(THREADS)

.DEFAULT_GOAL := help
.PHONY: help environment reproduce test notebooks lab bench clean

help: ## list targets and variables
	@echo "Targets"
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 16
	@echo "Variables of reproduce (default)"
	@echo "  TABLE          number of the table; required"
	@echo "  PAPER          skeletal, cal, hgr, sahg or fowkal (all papers that have the table)"
	@echo "  ROW            slugs of rows, separated by commas (all); 'repro list' shows them"
	@echo "  SCALE          smoke, laptop, gpu or paper ($(SCALE))"
	@echo "  DATA           people, coco, mpii, lspet, coco-wholebody or crowdpose ($(DATA))"
	@echo "  DATA_ROOT      folder of the data set; people needs none"
	@echo "  BOXES          a detector's file in COCO's result format, for tables evaluated with its boxes"
	@echo "  SEEDS          as in 0 or 0,1,2 or 0-2 ($(SEEDS))"
	@echo "  START          warm (trained on drawn body parts), random, or a checkpoint's path ($(START))"
	@echo "  DEVICE         auto, cpu, cuda or cuda:1 ($(DEVICE))"
	@echo "  THREADS        threads a training computes with on a CPU ($(THREADS))"
	@echo "  JOBS           trainings side by side; 0 is one a core or GPU ($(JOBS))"
	@echo "  WORKERS        processes a training reads images with ($(WORKERS)); more help with photographs on a GPU"
	@echo "Variables of every target"
	@echo "  VENV           folder of the virtual environment, or 'active' for the active one ($(VENV))"
	@echo "  PYTHON         interpreter that makes it ($(PYTHON))"

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python %d.%d is too old: install 3.11 or newer, or name one as in PYTHON=python3.12." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	@touch $@

.environment-active: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.prefix == sys.base_prefix and not __import__("os").environ.get("CONDA_PREFIX") and "VENV=active needs an activated environment: activate one, or leave VENV out.")'
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	@touch $@

environment: $(READY) ## make the environment; the other targets do so themselves

reproduce: $(READY) ## reproduce a table into results/: make reproduce TABLE=2
	@$(BIN)repro reproduce --table "$(TABLE)" --paper "$(PAPER)" --row "$(ROW)" --scale "$(SCALE)" --data "$(DATA)" \
		--data-root "$(DATA_ROOT)" --boxes "$(BOXES)" --seeds "$(SEEDS)" --start "$(START)" --device "$(DEVICE)" \
		--threads "$(THREADS)" --jobs "$(JOBS)" --workers "$(WORKERS)"

test: $(READY) ## run unit tests and compare all notebooks with their committed outputs
	$(BIN)python -m pytest

notebooks: $(READY) ## execute the committed notebooks in place
	$(BIN)repro notebooks

lab: $(READY) ## open the notebooks in JupyterLab
	$(BIN)jupyter lab notebooks

bench: $(READY) ## measure speed and memory, see benchmarks/
	$(BIN)python benchmarks/training_speed.py

clean: ## remove the environment and caches; runs and results stay
	rm -rf .venv .environment-active cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
