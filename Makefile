# Two commands set everything up on a bare machine with python3:
#   make explain [CLIP=path] [ARGS="--report out.html"]   explain a clip with the embedded nano model
#   make test                                             lint, types, the whole test suite
PYTHON ?= python3
CLIP   ?= examples/sad.flac
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: explain test lint clean

explain: .venv/nano
	@$(BIN)/emotionthinker explain "$(CLIP)" $(ARGS)

test: .venv/dev lint
	@$(BIN)/emotionthinker weights || echo "the pretrained parts are out of reach: tests marked 'weights' will skip"
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then $(BIN)/mypy; \
	else echo "types are not checked on Python 3.10: the stubs of its numpy are others"; fi

.venv/python:
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 10) <= v < (3, 14) or sys.exit(f"Python 3.10 to 3.13 is needed, this is {sys.version}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/nano: .venv/python pyproject.toml constraints.txt
	$(PIP) -e '.[nano]'
	@touch $@

.venv/dev: .venv/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@ .venv/nano

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
