# Two commands do everything from a clean clone: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUDGET ?= 180
DEVICE ?= cpu
# Asked before the hours that come before it is read.
VGG_IS_THERE = { test -f "$(VGG)" || { echo "error: VGG=$(VGG) is no file (docs/metrics.md)" >&2; exit 2; }; }

.PHONY: help setup demo test test-slow test-gpu lint check format docs build pocket reproduction ci clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## install syncpano and its development tools into .venv

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: $(PYTHON) is older than 3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: setup  ## paint a 3072 x 512 waterfall with the embedded model into out/
	$(BIN)/syncpano generate "A waterfall" --width 3072 --w 20 --overwrite

test: setup  ## run the fast tests
	$(BIN)/python -m pytest

test-slow: setup  ## run the slow tests too (builds and installs a wheel, full-size shapes)
	$(BIN)/python -m pytest -m "not gpu"

test-gpu: setup  ## run the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

lint: setup  ## format, lint, types, generated docs up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/cli_docs.py --check

check: lint test  ## all that a commit has to pass

format: setup  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup  ## write docs/cli.md from the help texts
	$(BIN)/python scripts/cli_docs.py

build: setup  ## build the wheel and the source archive into dist/
	$(BIN)/python -m build

pocket: setup  ## train the embedded model for BUDGET minutes (resumes), embed it, with VGG=FILE evaluate it
	@test -z "$(VGG)" || $(VGG_IS_THERE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[pocket]"
	$(BIN)/python scripts/pocket/train.py --budget-minutes $(BUDGET) --device $(DEVICE)
	$(BIN)/python scripts/pocket/export.py
	test -z "$(VGG)" || $(BIN)/python scripts/pocket/evaluate.py --weights "$(VGG)" --out docs/pocket-evaluation.json

reproduction: setup  ## tables S2 and S3 on the embedded model; VGG=FILE is VGG-16's trunk
	@$(VGG_IS_THERE)
	$(BIN)/syncpano reproduce table-s3 --samples 12 --pictures 6 --loss-weights "$(VGG)"
	$(BIN)/syncpano reproduce table-s2 --samples 3 --pictures 6 --loss-weights "$(VGG)"

ci:  ## what continuous integration runs
	.ci/run

clean:  ## remove what is built, not what was painted
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
