# Everything that a person or CI does here; `make help` lists it.
# Needs Python 3.11 or newer and GNU make; the rest is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
CORES ?= 4
PORT ?= 5000
BIN := $(VENV)/bin
# The tools of this environment come first, so that rules find them without activation.
export PATH := $(abspath $(BIN)):$(PATH)
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help run test lessons cluster-test verify prove archive lint format ui docs bench lock figures clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.installed  ## run the default experiment (set-up included); CORES=4
	snakemake --cores $(CORES) $(ARGS)

test: $(VENV)/.installed-test  ## run the whole test suite (set-up included)
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lessons: $(VENV)/.installed-lessons  ## run the lessons of the course and make their pages: results/lessons/
	snakemake --cores $(CORES) lessons $(ARGS)

cluster-test: $(VENV)/.installed-test  ## test on a real SLURM that is set up on this machine: equal bytes, requeues, limits
	CLUSTER_ACCOUNTING=1 tests/cluster/one_node_cluster.sh install
	CI=true python -m pytest tests/workflow/test_reproducibility.py tests/workflow/test_cluster.py \
	  -k "on_slurm or test_cluster" $(ARGS)

verify: $(VENV)/.installed  ## make results/ again in a scratch folder and compare every byte
	exprlab verify results --cores $(CORES) $(ARGS)

prove: $(VENV)/.installed-test  ## the default experiment under every perturbation, and chaos (an hour)
	python tests/workflow/prove.py $(ARGS)

archive: $(VENV)/.installed  ## pack results/ into one RO-Crate to attach to a paper
	exprlab archive results --output exprlab-crate.zip $(ARGS)

lint: $(VENV)/.installed-test  ## check style, formatting, the workflow and the generated files
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	exprlab document-config --check

format: $(VENV)/.installed-test  ## put every file into the house's style
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

ui: $(VENV)/.installed  ## open the MLflow UI over results/ on 127.0.0.1; PORT=5000
	exprlab ui --port $(PORT)

docs: $(VENV)/.installed  ## write config/README.md and the schema from the settings' definitions
	exprlab document-config

bench: $(VENV)/.installed-test  ## measure speed and memory, as ratios within one run
	python benchmarks/run.py

figures: $(VENV)/.installed-test  ## redraw the pictures of the README from results/
	python docs/draw_figures.py

lock: $(VENV)/.installed-test  ## write requirements.lock from this environment
	$(PIP) freeze --exclude-editable --exclude pip --exclude setuptools \
	  | sed -E 's/\+cpu$$|\+cu[0-9]+$$//' | grep -v '^-e\|@ file' > requirements.lock

clean:  ## remove the environment and every result
	rm -rf $(VENV) .snakemake
	find results -mindepth 1 ! -name .gitkeep -delete

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "exprlab needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# requirements.lock constrains every version, direct or not, whichever extras are asked for.
$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) install --quiet --constraint requirements.lock --editable .
	touch $@

$(VENV)/.installed-lessons: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) install --quiet --constraint requirements.lock --editable '.[lessons]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-test: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) install --quiet --constraint requirements.lock --editable '.[test,lessons]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-lessons
