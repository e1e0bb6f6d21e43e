# `make demo` and `make test` do everything; `make help` lists the rest. Each sets up .venv first if it has to.

PYTHON ?= python3
WORKERS ?= 2
STAMP := .venv/.installed
PYTEST := .venv/bin/python -m pytest

.PHONY: help demo test fast check format benchmark migration clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: $(STAMP) ## a search on real text, from nothing to an exported winner
	.venv/bin/star demo --workers $(WORKERS)

test: $(STAMP) ## the whole test suite, on two processes
	$(PYTEST) -n 2 --dist loadfile

fast: $(STAMP) ## the suite without slow, browser and postgres tests, on two processes
	$(PYTEST) -q -n 2 -m 'not slow and not browser and not postgres'

check: $(STAMP) ## format, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: $(STAMP) ## format the code and sort its imports
	.venv/bin/ruff check --fix --select I .
	.venv/bin/ruff format .

benchmark: $(STAMP) ## every operator on this CPU; kernels and training steps, where there is a GPU
	.venv/bin/python benchmarks/operators.py
	.venv/bin/python -m benchmarks.on_gpu.kernels
	.venv/bin/python -m benchmarks.on_gpu.step

migration: $(STAMP) ## the next migration, from the difference of tables and schema: NAME=what_changes
	.venv/bin/python -m search.archive.schema.new_migration "$(NAME)"

$(STAMP): pyproject.toml constraints.txt $(wildcard star/ops/native.h star/ops/*/native/*)
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## everything that this file made
	rm -rf .venv var build *.egg-info star/ops/*.so
