# The two commands to start with: `make reproduce TABLE=2` and `make test`. Both make their own environment first.
# `make help` lists targets and variables.

PYTHON ?= python3
# A virtual environment in the checkout, or the active one with VENV=active.
VENV ?= .venv
PAPER ?=
TABLE ?=
ROW ?=
SCALE ?= laptop
LENGTH ?=
MINUTES ?=
PLAN ?=
KEEP ?=
DATA ?= people
DATA_ROOT ?=
BOXES ?=
SKELETON ?=
SEEDS ?= 0
START ?= warm
STARTS ?=
WEIGHTS ?=
DEVICE ?= auto
THREADS ?= 1
JOBS ?= 0
WORKERS ?= 0
COMPILE ?= off
REPOSITORY ?=
TEST_JOBS ?= 2

ifeq ($(VENV),active)
BIN :=
READY := .environment-active
DEV := .environment-active-dev
SITE := .environment-active-site
else
BIN := $(VENV)/bin/
READY := $(VENV)/.ready
DEV := $(VENV)/.dev
SITE := $(VENV)/.site
endif

export OMP_NUM_THREADS ?= $(THREADS)

# The value of a variable as one word of the shell, whatever is in it.
quoted = "$(subst `,\`,$(subst $$,\$$,$(subst ",\",$(subst \,\\,$(value $(1))))))"

.DEFAULT_GOAL := help
.PHONY: help environment reproduce check test notebooks lab site bench gpu-check clean

help: ## list targets and variables
	@echo "Targets"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16
	@echo "Variables of reproduce (default)"
	@echo "  TABLE          number of the table; required"
	@echo "  PAPER          skeletal, cal, hgr, sahg or fowkal, or a package of your own (all of these that have the table)"
	@echo "  ROW            slugs of rows, separated by commas (all); 'repro list' shows them"
	@echo "  SCALE          smoke, laptop, gpu or paper ($(SCALE))"
	@echo "  LENGTH         of all trainings: 1/8, 1/4, 1/2, 1, 2, 4 or 8 times the scale's (1)"
	@echo "  MINUTES        that all may take here, instead: the largest LENGTH that fits is taken"
	@echo "  PLAN           1 says trainings, steps, time or GPU-hours, memory and disk, and stops"
	@echo "  KEEP           1 puts the result folder beside the committed ones; without it git ignores it, in results/local"
	@echo "  DATA           people, coco, mpii, lspet, coco-wholebody, crowdpose or coco-format ($(DATA))"
	@echo "  DATA_ROOT      folder of the data set; people needs none"
	@echo "  SKELETON       TOML on own keypoints, for DATA=coco-format: links, pairs, sigmas that its files do not tell"
	@echo "  BOXES          a detector's file in COCO's result format, for tables evaluated with its boxes"
	@echo "  SEEDS          as in 0 or 0,1,2 or 0-2 ($(SEEDS))"
	@echo "  START          warm (trained on drawn body parts), random, a checkpoint's path, or w32=file,w48=file ($(START))"
	@echo "  STARTS         instead, a folder with a checkpoint a backbone, as hrnet_w32.pth, resnet50.pth"
	@echo "  WEIGHTS        row=file,row=file or a folder with <row>.pth: rows that are evaluated and not trained"
	@echo "  DEVICE         auto, cpu, cuda or cuda:1 ($(DEVICE))"
	@echo "  THREADS        threads a training computes with on a CPU ($(THREADS))"
	@echo "  JOBS           trainings side by side; 0 is one a core or GPU ($(JOBS))"
	@echo "  WORKERS        processes a training reads images with ($(WORKERS)); more help with photographs that a GPU cannot hold"
	@echo "  COMPILE        auto starts a network's kernels on a GPU as one graph; graphs, inductor, off ($(COMPILE))"
	@echo "Variable of site"
	@echo "  REPOSITORY     address that commits are linked at (none)"
	@echo "Variable of test"
	@echo "  TEST_JOBS      tests side by side, by file ($(TEST_JOBS))"
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

reproduce: $(READY) ## reproduce a table into results/local: make reproduce TABLE=2
	@$(if $(KEEP),REPRO_KEEP=$(call quoted,KEEP) )$(BIN)repro reproduce --table $(call quoted,TABLE) --paper $(call quoted,PAPER) --row $(call quoted,ROW) \
		--scale $(call quoted,SCALE) --length $(call quoted,LENGTH) --minutes $(call quoted,MINUTES) \
		--plan=$(call quoted,PLAN) --data $(call quoted,DATA) --data-root $(call quoted,DATA_ROOT) \
		--boxes $(call quoted,BOXES) --skeleton $(call quoted,SKELETON) --seeds $(call quoted,SEEDS) --start $(call quoted,START) \
		--starts $(call quoted,STARTS) --weights $(call quoted,WEIGHTS) \
		--device $(call quoted,DEVICE) --threads $(call quoted,THREADS) --jobs $(call quoted,JOBS) \
		--workers $(call quoted,WORKERS) --compile $(call quoted,COMPILE)

$(DEV): $(READY)
	$(BIN)python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

check: $(DEV) ## lint all files and check the types of all calls
	$(BIN)python -m ruff check .
	$(BIN)python -m mypy

test: $(READY) ## run unit tests and compare all notebooks with their committed outputs
	$(BIN)python -m pytest -n $(TEST_JOBS) --dist loadfile

notebooks: $(READY) ## execute the committed notebooks in place
	$(BIN)repro notebooks

# Jupyter starts for root only when told so; notebooks run in other folders than this one, and with this environment's kernel.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

lab: $(READY) ## open the notebooks in JupyterLab
	@for name in REPRO_RUNS REPRO_RESULTS REPRO_CACHE; do \
		eval "place=\$$$$name"; \
		case "$$place" in ''|/*|'~'*) ;; *) export "$$name=$$PWD/$$place";; esac; \
	done; \
	export JUPYTER_PATH="$$($(BIN)python -c 'import sys; print(sys.prefix)')/share/jupyter:$$JUPYTER_PATH"; \
	$(BIN)jupyter lab $(ALLOW_ROOT) notebooks

$(SITE): $(READY)
	$(BIN)python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[site]"
	@touch $@

site: $(SITE) ## build a static site of the committed results, site/index.html; commits are linked at REPOSITORY=
	@$(BIN)repro site --repository $(call quoted,REPOSITORY)

bench: $(READY) ## measure speed and memory, see benchmarks/
	for name in training_speed profile_steps evaluation decoders bottom_up_grouping bottom_up_targets mixture_mask \
		people_drawing data_loading; do $(BIN)python benchmarks/$$name.py || exit 1; done

gpu-check: $(READY) ## use a GPU for MINUTES=8: its tests, its speeds, tables as long as the time allows
	$(BIN)repro gpu-check --minutes "$(or $(MINUTES),8)" --scale "$(if $(filter-out laptop,$(SCALE)),$(SCALE),gpu)" --device "$(DEVICE)"

clean: ## remove the environment and caches; runs and results stay
	rm -rf .venv .environment-active .environment-active-dev .environment-active-site site cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
