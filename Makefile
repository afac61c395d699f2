# One target per chore; CI calls `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint types unit slow format docs notebooks benchmarks fuzz dist machines test-oldest strangers checkers clean

## Enlarge the included photograph with a shipped model, offline, and print where the before/after page lies.
demo: $(VENV)/.light
	@$(BIN)/upres demo --output demo-out

## What everybody runs before a commit: lint, types, and the tests that are quick; CI runs `make slow` and `make docs` too.
test: lint types unit

lint: $(VENV)/.full
	$(BIN)/ruff check src tests benchmarks tools docs
	$(BIN)/ruff format --check src tests benchmarks tools docs

types: $(VENV)/.full
	$(BIN)/mypy

# One process more than two cores have: some tests wait for servers and trainings of their own.
unit: $(VENV)/.full
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not slow"

## The tests that take long: whole trainings, killed processes, memory of large pictures, the documents' commands, a browser.
slow: $(VENV)/.full
	$(BIN)/python -m pytest -n 3 --dist worksteal -m slow

format: $(VENV)/.full
	$(BIN)/ruff check --fix src tests benchmarks tools docs
	$(BIN)/ruff format src tests benchmarks tools docs

## The documentation as a site in build/site, every link of it checked, nothing of it from another host;
## and the examples for web frameworks, which nothing else needs, are run.
docs: $(VENV)/.docs
	$(BIN)/python -m tools.site
	$(BIN)/python -m pytest tests/test_embedding_page.py tests/test_notebooks.py

## The notebooks of docs/notebooks, run from top to bottom; the site shows what they showed: make notebooks docs
notebooks: $(VENV)/.docs
	$(BIN)/python -m tools.notebooks

## Every number that is claimed, measured on this machine; docs/benchmarks.md says what each means and needs:
## make benchmarks [DATA=… PHOTOS=… PEERS=… RUNS=… FEATURES=… BEFORE=…] [QUICK=1] [STRICT=1]
benchmarks: $(VENV)/.full
	$(BIN)/python -m benchmarks.all $(foreach folder,DATA PHOTOS PEERS RUNS FEATURES BEFORE,$(if $($(folder)),--$(shell echo $(folder) | tr A-Z a-z) $($(folder)))) \
		$(if $(QUICK),--quick) $(if $(STRICT),--strict)

## Damaged pictures, models and recipes, made at random: make fuzz [MINUTES=5] [SEED=0]; one again: [REPLAY=SEED:NUMBER]
fuzz: $(VENV)/.full
	$(BIN)/python -m benchmarks.fuzz $(if $(REPLAY),--replay $(REPLAY),--minutes $(or $(MINUTES),5) --seed $(or $(SEED),0))

## The wheel and the sdist, in dist/: built twice and compared, checked, and the sdist's own tests run from where it is unpacked.
dist:
	@test -x build/packaging/bin/python || $(PYTHON) -m venv build/packaging
	@build/packaging/bin/python -m pip --disable-pip-version-check install --quiet build twine check-wheel-contents
	build/packaging/bin/python -m tools.dist

## The tests of many machines: a Ray cluster and torchrun on this one, with processes that are killed; two minutes.
machines: $(VENV)/.full
	$(PIP) --editable ".[ray]"
	UPRES_MACHINES=1 $(BIN)/python -m pytest tests/test_ray.py tests/test_elastic.py

# What tells that enlarging works: files in, models, pixels, files out, the command.
LIGHT_TESTS := tests/test_formats.py tests/test_bands.py tests/test_cli_formats.py \
	tests/test_metadata.py tests/test_tiling.py tests/test_resize.py tests/test_backends.py tests/test_config.py tests/test_doctor.py

## The tests of the light half with the lowest version that pyproject.toml allows of each of its dependencies.
test-oldest:
	@test -x build/oldest/bin/python || $(PYTHON) -m venv build/oldest
	@build/oldest/bin/python -m pip --disable-pip-version-check install --quiet uv
	@build/oldest/bin/uv pip install --quiet --python build/oldest/bin/python --resolution lowest-direct --editable .
	@build/oldest/bin/uv pip install --quiet --python build/oldest/bin/python pytest hypothesis onnx
	build/oldest/bin/python -m pytest $(LIGHT_TESTS)

## A photographer, a developer and a trainer follow their pages of the documents: fresh environments, the wheel alone.
## Where the index of PyTorch is not reached, its wheel in a folder does: make strangers WITHOUT_INDEX=download.pytorch.org, with PIP_FIND_LINKS set.
strangers: $(VENV)/.full
	$(BIN)/python -m tools.strangers --constraint constraints.txt $(if $(WITHOUT_INDEX),--without-index $(WITHOUT_INDEX))

## What mypy and pyright say of a script that uses upres, right and wrong. pyright brings node.
checkers: $(VENV)/.full
	$(PIP) "pyright[nodejs]"
	$(BIN)/python -m tools.checkers

clean:
	rm -rf $(VENV) demo-out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The light half: enlarging needs no training stack.
$(VENV)/.light: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

# Everything: training, tests, linters. torch is pinned by the constraints file.
$(VENV)/.full: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/.light

# What builds the site.
$(VENV)/.docs: $(VENV)/.full
	$(PIP) --editable ".[docs]"
	@touch $@
