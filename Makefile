# Two commands: `make run` opens the app, `make test` checks everything. Both set up what they need in .venv first.

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/.ready
# The first interpreter of a supported version that really runs.
FOUND  := $(shell for p in python3.12 python3.11 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && { echo $$p; break; }; done)

.PHONY: run test lint types layers unit wheel bench shots clean

run: $(STAMP)
	@if [ -t 0 ] && [ -t 1 ]; then exec $(VENV)/bin/xiyou; \
	else echo "没有终端，改为运行 xiyou demo（不开界面的演示）。"; exec $(VENV)/bin/xiyou demo; fi

test: lint types layers unit wheel
	@echo "全部通过。"

lint: $(STAMP)
	$(PYTHON) -m ruff check .

types: $(STAMP)
	$(PYTHON) -m mypy

layers: $(STAMP)
	$(VENV)/bin/lint-imports

unit: $(STAMP)
	$(PYTHON) -m pytest -n 2 --dist loadfile

wheel: $(STAMP)
	$(PYTHON) packaging/check_wheel.py

bench: $(STAMP)
	for file in benchmarks/*.py; do $(PYTHON) $$file || exit 1; done

shots: $(STAMP)
	$(PYTHON) packaging/screenshots.py

$(STAMP): pyproject.toml
	@test -n "$(FOUND)" || { echo "需要 Python 3.11 到 3.13。macOS：brew install python@3.12；Debian：apt install python3 python3-venv。"; exit 1; }
	@test -x $(PYTHON) || $(FOUND) -m venv $(VENV) || { rm -rf $(VENV); echo "建不成虚拟环境。Debian 上先装 python3-venv。"; exit 1; }
	$(PYTHON) -m pip install --quiet --upgrade pip
	$(PYTHON) -m pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
