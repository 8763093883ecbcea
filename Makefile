# Everything a developer does. `make help` lists it; the two that matter are `make run` and `make test`.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# PYTHON=/path/to/python3.13 make run   chooses another one
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.txt)

# a compiled start takes half the time, so nobody's environment may forbid the compiled files
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
unexport PYTHONHOME
unexport VIRTUAL_ENV

.PHONY: run stop status test seven-days lint format types yamllint bench config dry-run lock clean help env

run: env ## start everything, run the last night, stay until Ctrl-C (ONCE=1: end after the night; FAULTS=1: a red night)
	@exec $(BIN)/python -m credit_exchange.laptop run $(if $(filter-out 0,$(ONCE)),--once) $(if $(filter-out 0,$(FAULTS)),--faults)

stop: env ## stop what `make run` started in another terminal
	@$(BIN)/python -m credit_exchange.laptop stop

status: env ## say what runs
	@$(BIN)/python -m credit_exchange.laptop status

test: env ## all tests (TESTS=tests/unit: some; JOBS=1: one at a time; ARGS="-k name": more of pytest's options)
	@$(BIN)/python -m pytest -n $(or $(JOBS),3) --dist loadfile $(or $(TESTS),tests) $(ARGS)

seven-days: env ## the long test that `make test` leaves out: a past week backfilled by Airflow, in three orders
	@$(BIN)/python -m pytest -m long tests/e2e/test_seven_days.py $(ARGS)

lint: env ## look for mistakes and formatting, change nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: env ## format the code and mend what can be mended by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: env ## check the types
	@$(BIN)/mypy

yamllint: env ## check the YAML files
	@$(BIN)/yamllint --strict $(wildcard include docker-compose.yaml .yamllint.yml)

bench: env ## 100,000 and 1,000,000 records beside the plain script (ROWS=100000: only that many)
	@PYTHONPATH=plugins:include/sandbox $(BIN)/python -m bench $(if $(ROWS),--sizes $(ROWS)) $(ARGS)

config: env ## check every file under include/
	@$(BIN)/python -m credit_exchange config check $(ARGS)

dry-run: env ## one department's delivery without Airflow and without sending: make dry-run FEED=name [DATE=2026-11-22]
	@test -n "$(FEED)" || { echo "请写明报送源：make dry-run FEED=<include/feeds 下的文件名，不带 .yml>"; exit 1; }
	@$(BIN)/python -m credit_exchange dry-run --feed "$(FEED)" $(if $(DATE),--date $(DATE)) $(ARGS)

lock: env ## make requirements.txt from requirements.in: pinned, hashed, for Python 3.11 to 3.13
	@$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header \
		requirements.in -o requirements.txt

clean: ## stop what runs; delete the environment and all data of the laptop
	@if [ -x $(BIN)/python ] && [ -f $(STAMP) ]; then $(BIN)/python -m credit_exchange.laptop clean; fi
	@rm -rf $(VENV) .run .pytest_cache .mypy_cache .ruff_cache .hypothesis build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@echo "make <what>:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r what why; do printf '%-12s %s\n' "$$what" "$$why"; done

env: $(STAMP)

# The environment: a venv; in it the pinned uv, checked by its hashes; with it everything else, checked and compiled.
# pip does the same without uv, only slower; the list is complete, and pip's own search for what else is needed finds extras
# without hashes. The stamp is written last: what was interrupted is made again. Whatever fails
# where the disk has no room for it is told as that, and not tried with pip.
$(STAMP): requirements.txt
	@set -euo pipefail; \
	python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	  for candidate in python3.13 python3.12 python3.11 python3 python; do \
	    if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	    then python="$$candidate"; break; fi; \
	  done; \
	fi; \
	if [ -z "$$python" ]; then \
	  echo "没有找到带 venv 模块的 Python 3.11、3.12 或 3.13。请安装（Debian、Ubuntu：apt-get install" >&2; \
	  echo "python3 python3-venv），或指明：make run PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then \
	  echo "$$python 不是带 venv 模块的 Python 3.11、3.12 或 3.13；请指明另一个：make run PYTHON=..." >&2; exit 1; \
	fi; \
	echo "正在用 $$("$$python" --version) 建立环境 $(VENV)，需要半分钟到几分钟……"; \
	full() { df -Pk . | awk 'NR == 2 && $$2 && $$4 < 400000 { printf "（%s 还剩 %d MB）", $$6, $$4 / 1024; found = 1 } \
	  END { exit !found }'; }; \
	trap 'status=$$?; if [ $$status -ne 0 ] && left="$$(full)"; then \
	  echo "环境没有建成，多半是磁盘满了$$left：它需要约 1.2 GB，请腾出空间后再运行" >&2; fi; exit $$status' EXIT; \
	rm -f $(STAMP); \
	"$$python" -m venv --clear $(VENV); \
	$(BIN)/python -c 'import pathlib, re; \
	  blocks = re.split(r"(?m)^(?=\S)", pathlib.Path("requirements.txt").read_text(encoding="utf-8")); \
	  pathlib.Path("$(VENV)/uv.txt").write_text("".join(b for b in blocks if b.startswith("uv==")), encoding="utf-8")'; \
	if $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt \
	   && VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.txt; then :; \
	elif full >/dev/null; then exit 1; \
	else \
	  echo "uv 没有装成，改用 pip，需要几分钟……" >&2; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt; \
	fi; \
	site="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	printf '%s\n' "$(CURDIR)/plugins" > "$$site/credit_exchange.pth"; \
	touch $(STAMP)
