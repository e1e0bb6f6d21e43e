# Two commands do everything: `make demo` and `make test`. Each sets up .venv first when it has to.

PYTHON ?= python3
WORKERS ?= 2
STAMP := .venv/.installed

.PHONY: demo test check benchmark clean
.DELETE_ON_ERROR:

demo: $(STAMP) ## a search on real text, from nothing to an exported winner
	.venv/bin/star demo --workers $(WORKERS)

test: $(STAMP) ## the whole default suite
	.venv/bin/python -m pytest

check: $(STAMP) ## format, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

benchmark: $(STAMP) ## every operator on this CPU; kernels, where there is a GPU
	.venv/bin/python benchmarks/operators.py
	.venv/bin/python benchmarks/kernels.py

$(STAMP): pyproject.toml constraints.txt $(wildcard star/ops/recurrence/native/*)
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## everything this file made
	rm -rf .venv var build *.egg-info star/ops/recurrence/*.so
