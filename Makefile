# Everything runs in .venv, made on first use. PYTHON names the interpreter it is made with (3.11 or newer).
PYTHON ?= python3
# Oracles of the ImageNet-C corruptions and of HOTA, IDF1 and identity switches. Both ask for opencv-python, whose
# files would lie over those of opencv-python-headless; what else they need is in the extra dev.
ORACLES := 'imagecorruptions-imaug>=1.1.5' 'trackeval>=1.3'
BIN := .venv/bin
# The newest versions that the tests have passed with; CONSTRAINTS= takes what is newest today.
CONSTRAINTS ?= constraints.txt
PIP := $(BIN)/python -m pip install --quiet $(CONSTRAINTS:%=--constraint %)

.PHONY: setup demo demo-answer gallery demo-line test quick nightly durations golden fuzz lint docs bench mutation \
        constraints clean
# Tests start hundreds of processes, each of which would compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE
# A worker takes whole files, the longest first (tests/durations.json).
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

setup: .venv/.dev

demo: .venv/.demo
	$(BIN)/vidrobust demo

# Regenerates what README.md and the tutorial show of the demo.
demo-answer: .venv/.dev
	$(BIN)/vidrobust demo --out reports/demo
	$(BIN)/python docs/demo_answer.py reports/demo
	$(BIN)/python docs/demo_pictures.py reports/demo

# Six public clips, by eye and by vidrobust: docs/gallery.md. CORPUS and MODELS: folders of footage and of networks.
gallery: .venv/.dev
	$(BIN)/python docs/gallery.py $(CORPUS) $(MODELS)

demo-line: .venv/.demo
	$(BIN)/vidrobust demo line

# All but the nightly tests; ten minutes on two cores are the aim.
test: .venv/.dev
	$(PYTEST)

# Files of at most two and a half seconds, in two minutes.
quick: .venv/.dev
	$(PYTEST) -m 'not slow and not nightly'

# What test leaves out, with the libraries that are no requirement: Ultralytics is AGPL-3.0.
nightly: .venv/.nightly fuzz
	mkdir -p build && FAULTS=$(CURDIR)/build/faults.jsonl $(PYTEST) -m nightly

# Notes what each file of tests takes, in processor seconds; on any machine, whatever else it does.
durations: .venv/.dev
	VIDROBUST_WRITE_DURATIONS=1 $(PYTEST)

# Damages 500 videos, where it was stopped it goes on, and 1,820 other files.
fuzz: .venv/.dev
	mkdir -p build && $(BIN)/python -m tests.fuzz --seed 7 --out build/fuzz.jsonl
	$(BIN)/python -m tests.fuzz.files --seed 7

# Notes the versions that are installed, once the tests have passed with them.
constraints: .venv/.dev
	$(BIN)/python -m pip freeze --exclude-editable | sed -n 's/^\([A-Za-z0-9_.-]*==[0-9][^+ ]*\).*/\1/p' > constraints.txt

# Kills mutants with the tests that cover their lines; hours.
mutation: .venv/.dev
	mkdir -p build && $(BIN)/python benchmarks/mutation.py --json build/mutation.json

# Writes the files of tests/golden, which hold all wording that tests compare, anew.
golden: .venv/.dev
	VIDROBUST_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q -k golden

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python benchmarks/budgets.py
	$(BIN)/mypy

docs: .venv/.dev
	$(BIN)/python -m sphinx -W docs build/site

# CLIPS: what to measure on; the demo's clip where nothing is given. The long ones are run by hand.
bench: .venv/.dev
	clips="$(CLIPS)"; [ -n "$$clips" ] || clips=$$($(BIN)/python -c 'from vidrobust.finished_runs.demo import CLIP; print(CLIP)'); \
	for run in "decode $${clips%% *}" "variation $$clips" \
	           "rates --runs 100" "repeatability --runs 100" "correlation_worlds --runs 40" "published_models --draws 2"; do \
	    echo "== benchmarks/$${run%% *}.py"; $(BIN)/python benchmarks/$${run%% *}.py $${run#$${run%% *}} || exit 1; \
	done

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[demo]'
	touch $@

.venv/.nightly: pyproject.toml | .venv/.dev
	$(PIP) --editable '.[wandb]' 'ultralytics>=8.3'
	touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps $(ORACLES)
	touch $@ .venv/.demo
