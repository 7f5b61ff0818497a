# What one may ask for: demo, test, check, bench, coverage; generate after a change of the registry, examples after one of
# capture; nightly for the long searches.
#
# Everything runs in .venv, made from pyproject.toml and constraints.txt. Where pip's index offers torch with CUDA only,
# TORCH_INDEX names another index for it: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH_INDEX ?=
WORKERS ?= 2

BIN := .venv/bin
STAMP := .venv/.installed
CORE_STAMP := .venv-core/.installed
PIP_OPTIONS := --disable-pip-version-check --constraint constraints.txt

# The tests run side by side; a second level of threads below them only makes each slower.
export OMP_NUM_THREADS = 1

.PHONY: demo test core-test torch-test check bench coverage generate examples nightly clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(BIN)/python examples/digits/demo.py

test: core-test torch-test

torch-test: $(STAMP)
	$(BIN)/python -m pytest -q -n $(WORKERS) --ignore=tests/core

# The core's tests, in an environment that has no framework.
core-test: $(CORE_STAMP)
	.venv-core/bin/python -m pytest -q -n $(WORKERS) tests/core

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m modelpack.generate --check
	$(BIN)/python -m modelpack.backends.support --check

generate: $(STAMP)
	$(BIN)/python -m modelpack.generate
	$(BIN)/python -m modelpack.backends.support

# The captured networks of examples/, as capture makes them now.
examples: $(STAMP)
	$(BIN)/python -m tests.torch.captured_examples

# The figures of the project: each benchmark measures its sides in one run and prints ratios.
bench: $(STAMP)
	for file in benchmarks/*.py; do case $$file in */_*|*/coverage.py) ;; *) $(BIN)/python $$file || exit 1 ;; esac; done

# Every network of the zoo (benchmarks/zoo) through save and load in a process of its own: about half an hour on two cores.
coverage: $(STAMP)
	$(BIN)/python benchmarks/coverage.py

# The searches of hypothesis at full length.
nightly: $(STAMP)
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -q -n $(WORKERS)

clean:
	rm -rf .venv .venv-core demo build dist

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
ifneq ($(TORCH_INDEX),)
	$(BIN)/pip install $(PIP_OPTIONS) --index-url $(TORCH_INDEX) torch
endif
	$(BIN)/pip install $(PIP_OPTIONS) --editable '.[dev]'
	touch $@

$(CORE_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-core
	.venv-core/bin/pip install $(PIP_OPTIONS) --editable '.[test]'
	touch $@
