# Two commands matter: `make run` does the main job, `make test` checks it. Both set up what they need themselves.
VENV ?= .venv
JOBS ?= 2
MINUTES ?= 10
BIN := $(VENV)/bin
export VENV

.PHONY: run test check fuzz setup setup-dev town small-policy clean help

help:
	@echo "make run              open the application; without a display (or with HEADLESS=1) run one whole round"
	@echo "make test             lint, types, import contracts and every test, in JOBS=2 processes"
	@echo "make check            the same without the tests"
	@echo "make fuzz MINUTES=10  the property tests with fresh examples until the time is up; how to repeat what it finds"
	@echo "make town             build the town's OpenDRIVE file and its routes again"
	@echo "make small-policy     train the small VLA from scratch on expert driving (some hours on 2 cores; goes on where it stopped)"
	@echo "make clean            remove the virtual environment and caches; recorded runs stay"

run: setup
ifeq ($(HEADLESS)$(DISPLAY)$(WAYLAND_DISPLAY),)
	$(BIN)/takeover round
else ifeq ($(HEADLESS),1)
	$(BIN)/takeover round
else
	$(BIN)/takeover drive
endif

test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fuzz: setup-dev
	$(BIN)/python scripts/fuzz.py --minutes $(MINUTES)

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --dev

town: setup
	$(BIN)/python assets/maps/build_millbrook.py
	$(BIN)/python assets/routes/build_routes.py

small-policy: setup
	$(BIN)/takeover refine small --install

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
