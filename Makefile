# Works on a fresh machine with Python 3.7 or newer and make. Try `make demo`.
#   PYTHON=python3.11 make test     another interpreter
#   make demo ARGS="--seed 7"       arguments for the command

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint format bench bench-peers docs lock clean

help:
	@echo "make demo    watch a strategy trade on a simulated exchange"
	@echo "make test    the quick tests"
	@echo "make lint    ruff and mypy          make format  let ruff rewrite"
	@echo "make bench   the benchmarks         make docs    the manual, into docs/_build"
	@echo "make bench-peers   the same work done by vnpy, nautilus_trader, backtrader and btstores"
	@echo "make clean   remove what these made"

demo: $(VENV)/.ready
	@$(BIN)/btstores demo $(ARGS)

test: $(VENV)/.ready
	@$(BIN)/python -m pytest -n 3 $(ARGS)

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/.ready
	@$(BIN)/python -m benchmarks.peers $(ARGS)

lint: .venv-lint/.ready
	.venv-lint/bin/ruff format --check .
	.venv-lint/bin/ruff check .
	.venv-lint/bin/mypy

format: .venv-lint/.ready
	.venv-lint/bin/ruff check --fix .
	.venv-lint/bin/ruff format .

docs: .venv-docs/.ready
	@.venv-docs/bin/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Only whoever changes pyproject.toml or requirements/*.in needs uv.
LOCK := uv pip compile -q --universal --no-emit-index-url --no-annotate --custom-compile-command "make lock"
lock:
	$(LOCK) --python-version 3.7 --extra calendars --extra demo --extra futu --extra oanda --extra test pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCK) --python-version 3.8 requirements/lint.in -o requirements/lint.txt
	$(LOCK) --python-version 3.11 requirements/docs.in -o requirements/docs.txt
	$(LOCK) --python-version 3.11 requirements/peers-backtrader.in -o requirements/peers-backtrader.txt
	$(LOCK) --python-version 3.11 requirements/peers-nautilus.in -o requirements/peers-nautilus.txt
	$(LOCK) --python-version 3.11 --no-deps requirements/peers-vnpy.in -o requirements/peers-vnpy.txt

clean:
	rm -rf .venv .venv-lint .venv-docs .venv-peers build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The stamp is the last step: what was interrupted is done again, what is ready is left alone.
$(VENV)/.ready: pyproject.toml requirements/dev.txt src/btstores_hook.pth src/btstores_hook.start
	@$(call make_venv,$(VENV),3.7)
	@echo "==> [2/3] installing the pinned libraries (once; half a minute to a few)"
	@$(BIN)/python -m pip install -q -r requirements/dev.txt
	@echo "==> [3/3] installing btstores from this folder"
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

.venv-lint/.ready: requirements/lint.txt
	@$(call make_venv,.venv-lint,3.8)
	@echo "==> [2/2] installing ruff and mypy"
	@.venv-lint/bin/python -m pip install -q -r requirements/lint.txt
	@touch $@

.venv-docs/.ready: requirements/docs.txt
	@$(call make_venv,.venv-docs,3.11)
	@echo "==> [2/2] installing Sphinx"
	@.venv-docs/bin/python -m pip install -q -r requirements/docs.txt
	@touch $@

# make_venv(folder, oldest Python). pip 21.3 is the first that installs a pyproject in place.
define make_venv
echo "==> [1] Python environment in $(1)"; \
$(PYTHON) -c 'import sys; v = "$(2)"; sys.exit("Python %s or newer is needed, this is %s; try: make PYTHON=python3.x ..." % (v, sys.version.split()[0]) if sys.version_info < tuple(map(int, v.split("."))) else 0)' \
&& { test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || { echo "No venv in this Python. On Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(1); exit 1; }; } \
&& $(1)/bin/python -m pip install -q 'pip>=21.3'
endef
