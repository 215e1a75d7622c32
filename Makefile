# The words that people and CI use. Everything they need is installed into .venv first.
PYTHON ?= python3
PIP = .venv/bin/pip --disable-pip-version-check install --quiet --constraint constraints.txt
NAME ?= models

.PHONY: run test check bench train clean

run: .venv/installed
	.venv/bin/attend serve

test: .venv/installed-dev
	.venv/bin/python -m pytest

check: .venv/installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/attend check

bench: .venv/installed-dev
	.venv/bin/python -m bench.$(NAME)

train: .venv/installed-dev
	.venv/bin/attend train $(NAME)

clean:
	rm -rf .venv

# torch first, by itself: asked for by another package it would bring several gigabytes of CUDA.
.venv/installed: pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable '.[dev]'
	touch $@
