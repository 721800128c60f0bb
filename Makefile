# What each target needs is prepared by deploy/prepare.py, which runs on any Python 3.11+.
# The system's own Python is built to be quick: with one compiled plainly, tests take a fifth longer.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
BIN := .venv/bin
export ARGS ONLY SKIP PORT

.PHONY: run test lint bench proof pictures messages lock clean
.DEFAULT_GOAL := run

run:
	@$(PYTHON) deploy/prepare.py run && exec $(BIN)/python -m deploy.run

test:
	@$(PYTHON) deploy/prepare.py test && exec $(BIN)/python -m deploy.test

lint:
	@$(PYTHON) deploy/prepare.py lint
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/lint.sh

bench:
	@$(PYTHON) deploy/prepare.py test && exec $(BIN)/python -m bench $(ARGS)

proof:
	@$(PYTHON) deploy/prepare.py test && exec $(BIN)/python -m bench.proof $(ARGS)

pictures:
	@$(PYTHON) deploy/prepare.py test && exec $(BIN)/python -m deploy.pictures $(ARGS)

messages:
	@$(PYTHON) deploy/prepare.py lint
	@$(BIN)/python -m deploy.messages $(ARGS)

lock:
	@$(PYTHON) deploy/prepare.py lint
	@sh deploy/lock.sh

clean:
	rm -rf .venv staticfiles node_modules tests/node_modules .mypy_cache .ruff_cache .pytest_cache
