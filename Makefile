# Works on a bare Debian or Raspberry Pi OS; what is missing is installed by tools/prepare.py.
PYTHON ?= python3
VENV ?= .venv
VENV_TRAIN ?= .venv-train
CLIP = .cache/carphone_pristine.mp4
CAMERA ?= file:$(CLIP)
NET ?= ultralight
PREFIX = $(DESTDIR)/opt/edge-fer
CONFIG = $(DESTDIR)/etc/edge-fer/edge-fer.toml
UNIT = $(DESTDIR)/etc/systemd/system/edge-fer.service
PREPARE = $(PYTHON) -B tools/prepare.py
FOR_TESTS = --apt libdlib-data mosquitto mosquitto-clients --media $(notdir $(CLIP)) astronaut.png

# The clip is published test material with small faces; a live camera needs a declared use.
ifeq ($(CAMERA),file:$(CLIP))
ACKNOWLEDGE ?= research
DEMO_FLAGS = --set vision.min_face_px=40
GET_CLIP = --media $(notdir $(CLIP))
endif
USE = $(if $(ACKNOWLEDGE),--set 'privacy.acknowledge_use=$(ACKNOWLEDGE)')

export ORT_DISABLE_TELEMETRY = 1
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: ## set up, then show it all: clip, daemon, broker, events, picture [CAMERA= ACKNOWLEDGE=]
	@$(PREPARE) --venv $(VENV) --extras demo --apt libdlib-data mosquitto $(GET_CLIP)
	@$(VENV)/bin/edge-fer demo --camera '$(CAMERA)' $(USE) $(DEMO_FLAGS) --picture out/demo.png

.PHONY: venv
venv: ## set up for development: system packages and $VENV
	@$(PREPARE) --venv $(VENV) --extras dev,demo $(FOR_TESTS)

.PHONY: venv-train
venv-train: ## the same with torch for CPUs, in $VENV_TRAIN
	@$(PREPARE) --venv $(VENV_TRAIN) --extras dev,train

.PHONY: check
check: lint test ## all that CI runs but the training

.PHONY: lint
lint: venv ## ruff, mypy --strict, codespell
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

.PHONY: format
format: venv ## put the code in order
	$(VENV)/bin/ruff check --fix-only
	$(VENV)/bin/ruff format

.PHONY: test
test: venv ## the tests [ARGS=]; media and data in $EDGE_FER_MEDIA and $EDGE_FER_DATA
	$(VENV)/bin/pytest --ignore tests/training $(ARGS)

.PHONY: test-training
test-training: venv-train ## the training's tests, with torch [ARGS=]
	$(VENV_TRAIN)/bin/pytest tests/training $(ARGS)

.PHONY: lint-training
lint-training: venv-train ## mypy --strict for training/, which needs torch
	$(VENV_TRAIN)/bin/mypy -p training

.PHONY: bench
bench: ## measure docs/results.md anew [ARGS=]; media and data in $EDGE_FER_MEDIA and $EDGE_FER_DATA
	@$(PREPARE) --venv $(VENV) --extras demo --apt libdlib-data --media $(notdir $(CLIP)) astronaut.png
	@$(VENV)/bin/python -m tools.results $(ARGS)

.PHONY: model
model: venv-train ## train, prune and quantize NET=ultralight|xception [ARGS=]
	$(VENV_TRAIN)/bin/python -m training.build $(NET) $(ARGS)

.PHONY: compare
compare: ## regenerate docs/models.md: ours beside everybody else's
	@$(PREPARE) --venv $(VENV_TRAIN) --extras dev,train,compare
	$(VENV_TRAIN)/bin/python -m training.compare

.PHONY: train-own
train-own: venv-train ## train on your own pictures: DATA= NAME= [NET= ARGS=]
	$(VENV_TRAIN)/bin/python -m training.own '$(DATA)' '$(NAME)' --net $(NET) $(ARGS)

.PHONY: agreement
agreement: ## whether models answer alike on emulated CPUs; renews docs/agreement.md [ARGS=]
	@$(PREPARE) --venv $(VENV) --extras demo --apt debian-archive-keyring
	@$(VENV)/bin/python -m tools.agreement $(ARGS)

.PHONY: counted
counted: ARGS ?= --check
counted: ## instructions a frame, which no load changes, against docs/counted.json [ARGS=--record]
	@$(PREPARE) --venv $(VENV) --extras demo --media $(notdir $(CLIP)) \
		--apt libdlib-data valgrind gcc debian-archive-keyring
	@$(VENV)/bin/python -m tools.counted $(ARGS)

.PHONY: conf
conf: venv ## regenerate deploy/edge-fer.toml
	$(VENV)/bin/edge-fer config > deploy/edge-fer.toml.new
	mv deploy/edge-fer.toml.new deploy/edge-fer.toml

.PHONY: docs
docs: venv ## regenerate what docs/mqtt.md, schema.json and the READMEs quote
	$(VENV)/bin/python docs/generate_mqtt.py
	$(VENV)/bin/python docs/generate_models.py
	$(VENV)/bin/python -m docs.generate_readme $(CLIP)

.PHONY: dashboard
dashboard: ## put the live web view into dist/dashboard; needs npm the first time
	@$(PYTHON) -m tools.dashboard

.PHONY: wheel
wheel: venv ## build dist/*.whl
	rm -rf build
	$(VENV)/bin/pip wheel --no-deps --wheel-dir dist .

.PHONY: install
install: ## as root: /opt/edge-fer, /etc/edge-fer, the systemd unit [DESTDIR=]
	@umask 022 && $(PREPARE) --venv $(PREFIX) --apt libdlib-data --copy --destdir '$(DESTDIR)'
	@test -e $(CONFIG) || install -D -m 644 deploy/edge-fer.toml $(CONFIG)
	install -D -m 644 deploy/systemd/edge-fer.service $(UNIT)
	@test -n '$(DESTDIR)' -o ! -d /run/systemd/system || systemctl daemon-reload
	@echo 'next: edit $(CONFIG), then systemctl enable --now edge-fer'

.PHONY: uninstall
uninstall: ## as root: take it away again, but for the configuration [DESTDIR=]
	@test -n '$(DESTDIR)' -o ! -d /run/systemd/system || systemctl disable --now edge-fer || true
	rm -rf $(PREFIX) $(UNIT)
	@echo 'kept: $(CONFIG)'

.PHONY: clean
clean: ## remove what was built and cached; environments, trainings and models stay
	rm -rf build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
