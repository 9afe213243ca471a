# Works on a bare Debian or Raspberry Pi OS; what is missing is installed by packaging/prepare.py.
PYTHON ?= python3
VENV ?= .venv
VENV_TRAIN ?= .venv-train
VENV_SUPPLY ?= .venv-supply
CLIP = .cache/carphone_pristine.mp4
CAMERA ?= file:$(CLIP)
PREFIX = $(DESTDIR)/opt/edge-fer
CONFIG = $(DESTDIR)/etc/edge-fer/edge-fer.toml
UNITS = $(DESTDIR)/etc/systemd/system
PREPARE = $(PYTHON) -B packaging/prepare.py
RELEASE = PYTHONPATH=packaging:. $(ACTIVE) python -m release
FOR_ROOTS = --apt mmdebstrap mosquitto mosquitto-clients debian-archive-keyring chromium \
	--media $(notdir $(CLIP))
FOR_TESTS = --apt libdlib-data mosquitto mosquitto-clients openssl systemd chromium strace \
	iproute2 valgrind gcc python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-ugly debian-archive-keyring --media $(notdir $(CLIP)) astronaut.png
ASYNCAPI = .cache/asyncapi/node_modules
SCHEMA = $(VENV)/bin/check-jsonschema --builtin-schema
# Node and npm come with the environment, as a wheel.
ACTIVE = PATH="$(abspath $(VENV))/bin:$$PATH"
LONG = $(ACTIVE) pytest -v --record -m

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
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(if $(VIEW),dashboard) ## set up, then play a clip and print its events; VIEW=1: in a browser [CAMERA= ACKNOWLEDGE=]
	@$(PREPARE) --venv $(VENV) --extras demo --apt libdlib-data mosquitto $(GET_CLIP)
	@$(VENV)/bin/edge-fer demo --camera '$(CAMERA)' $(USE) $(DEMO_FLAGS) $(if $(VIEW),--view) --picture out/demo.png

.PHONY: venv
venv: ## set up for development: system packages and $VENV
	@$(PREPARE) --venv $(VENV) --extras dev,demo,docs $(FOR_TESTS)

.PHONY: venv-train
venv-train: ## set up for training: torch for CPUs, in $VENV_TRAIN
	@$(PREPARE) --venv $(VENV_TRAIN) --extras dev,train

.PHONY: check
check: lint test ## run all that CI runs except the training

.PHONY: lint
lint: venv ## ruff, mypy --strict, codespell, forbidden words, schemas of the forge's files
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell
	$(VENV)/bin/python packaging/prose.py
	$(SCHEMA) vendor.github-workflows .github/workflows/*.yml
	$(SCHEMA) vendor.dependabot .github/dependabot.yml
	$(SCHEMA) vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(SCHEMA) vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA) vendor.citation-file-format CITATION.cff

.PHONY: counts
counts: ## count files, helper code, import circles; an error where there are too many
	@$(PYTHON) packaging/counts.py

.PHONY: urls
urls: ## write the repository's address wherever it belongs [REPOSITORY=https://host/owner/name]
	@$(PYTHON) packaging/urls.py $(if $(REPOSITORY),'$(REPOSITORY)')

.PHONY: format
format: venv ## format the code
	$(VENV)/bin/ruff check --fix-only
	$(VENV)/bin/ruff format

.PHONY: test
test: venv $(ASYNCAPI) ## run the tests [ARGS=]; media and data in $EDGE_FER_MEDIA and $EDGE_FER_DATA
	$(ACTIVE) pytest --ignore tests/training $(ARGS)

.PHONY: coverage
coverage: venv $(ASYNCAPI) ## run the tests and list the lines and branches of edge_fer/ that no test runs [ARGS=]
	$(ACTIVE) coverage run -m pytest --ignore tests/training $(ARGS)
	$(VENV)/bin/coverage report

.PHONY: test-fresh
test-fresh: SUITE ?= trixie
test-fresh: AS ?= root
test-fresh: ## as root: the tests in a new minimal Debian, where a skip that a package would avoid is an error [SUITE= AS=]
	@$(PREPARE) --venv $(VENV) --extras dev,demo,docs --apt mmdebstrap debian-archive-keyring
	@EDGE_FER_TESTS_COMPLETE=1 packaging/fresh-root $(SUITE) $(AS) make demo test

.PHONY: test-training
test-training: venv-train ## run the tests of training/, with torch [ARGS=]
	$(VENV_TRAIN)/bin/pytest tests/training $(ARGS)

.PHONY: lint-training
lint-training: venv-train ## mypy --strict for training/, which needs torch
	$(VENV_TRAIN)/bin/mypy -p training

.PHONY: bench
bench: ## measure docs/background/results.md again [ARGS=]; media and data in $EDGE_FER_MEDIA and $EDGE_FER_DATA
	@$(PREPARE) --venv $(VENV) --extras demo --apt libdlib-data --media $(notdir $(CLIP)) astronaut.png
	@$(VENV)/bin/python -m research.results $(ARGS)

.PHONY: torture
torture: venv ## as root: kill the daemon, cut its network, fill its disk, send nonsense; hours [ARGS='-k kill_daemon']
	@$(LONG) stress --ignore tests/stress/test_fuzz.py --ignore tests/stress/test_soak.py \
		tests/stress $(ARGS)

.PHONY: model
model: NET ?= ultralight-ferplus
model: venv-train ## train, prune and quantize NET=ultralight-ferplus|ultralight-fer2013|xception [ARGS=]
	$(VENV_TRAIN)/bin/python -m training.build $(NET) $(ARGS)

.PHONY: compare
compare: ## regenerate docs/background/models.md, which compares our models with others
	@$(PREPARE) --venv $(VENV_TRAIN) --extras dev,train,compare
	$(VENV_TRAIN)/bin/python -m training.compare

.PHONY: train-own
train-own: NET ?= ultralight
train-own: venv-train ## train on your own pictures: DATA= NAME= [NET= ARGS=]
	$(VENV_TRAIN)/bin/python -m training.own '$(DATA)' '$(NAME)' --net $(NET) $(ARGS)

.PHONY: agreement
agreement: ## compare the scores of models on emulated CPUs; renews docs/background/agreement.md [ARGS=]
	@$(PREPARE) --venv $(VENV) --extras demo --apt debian-archive-keyring
	@$(VENV)/bin/python -m research.agreement $(ARGS)

.PHONY: counted
counted: ARGS ?= --check
counted: ## compare the instructions per frame with docs/background/counted.json [ARGS=--record]
	@$(PREPARE) --venv $(VENV) --extras demo --media $(notdir $(CLIP)) \
		--apt libdlib-data valgrind gcc debian-archive-keyring
	@$(VENV)/bin/python -m research.counted $(ARGS)

.PHONY: systemd
systemd: ## as root: test the unit in a container with its own systemd [ARGS=]
	@$(PREPARE) --venv $(VENV) --extras dev,demo --media $(notdir $(CLIP)) \
		--apt libdlib-data debootstrap systemd-container mosquitto
	@$(LONG) integration tests/integration/test_systemd_unit.py $(ARGS)

.PHONY: first-start
first-start: ## as root: run edge-fer setup with questions and from a file, in that container [ARGS=]
	@$(PREPARE) --venv $(VENV) --extras dev,demo --media $(notdir $(CLIP)) \
		--apt libdlib-data debootstrap systemd-container mosquitto
	@$(LONG) integration tests/integration/test_first_start.py $(ARGS)

.PHONY: fuzz
fuzz: venv ## feed damaged input to every parser, model and video; hours [ARGS='-k config --rounds 1000']
	@$(LONG) stress tests/stress/test_fuzz.py $(ARGS)

.PHONY: soak
soak: venv ## run the daemon for a million frames; about an hour [ARGS='--rounds 100000']
	@$(LONG) stress tests/stress/test_soak.py $(ARGS)

.PHONY: picamera
picamera: ## as root: compare the real picamera2 on a virtual camera with the file camera; $$EDGE_FER_MEDIA
	@$(PREPARE) --venv $(VENV) --extras dev,demo --media astronaut.png \
		--apt debootstrap debian-archive-keyring libdlib-data mosquitto
	@$(LONG) integration tests/integration/test_picamera.py $(ARGS)

.PHONY: conf
conf: venv ## regenerate deploy/edge-fer.toml
	$(VENV)/bin/edge-fer config > deploy/edge-fer.toml.new
	mv deploy/edge-fer.toml.new deploy/edge-fer.toml

.PHONY: privacy
privacy: venv ## trace with strace what leaves a running daemon; $$EDGE_FER_MEDIA [ARGS=]
	@$(LONG) integration tests/integration/test_privacy.py $(ARGS)

.PHONY: docs
docs: venv ## regenerate the reference pages, their JSON files, and the figures of the READMEs
	$(VENV)/bin/python docs/generate_mqtt.py
	$(VENV)/bin/python -m docs.generate_asyncapi
	$(VENV)/bin/python -m docs.generate_reference
	$(VENV)/bin/python docs/generate_models.py
	$(VENV)/bin/python -m docs.generate_readme $(CLIP)

.PHONY: site
site: ## build these pages as a site in dist/site; dead links and anchors are errors
	@$(PREPARE) --venv $(VENV) --extras docs
	@PYTHONPATH=packaging $(VENV)/bin/python -m docsite

.PHONY: dashboard
dashboard: ## build the live web view in dist/dashboard; needs npm the first time
	@$(PYTHON) -m deploy.dashboard.build

.PHONY: screenshots
screenshots: ## take the pictures of the live web view; needs npm the first time
	@$(PREPARE) --venv $(VENV) --extras dev,demo --apt libdlib-data mosquitto chromium \
		--media $(notdir $(CLIP)) astronaut.png
	@$(VENV)/bin/python -m docs.screenshots $(ARGS)

.PHONY: home-assistant
home-assistant: venv ## show and switch a device in a real Home Assistant; needs Python 3.13
	@$(LONG) integration tests/integration/test_home_assistant.py $(ARGS)

.PHONY: node-red
node-red: venv ## run deploy/node-red/flow.json in a real Node-RED, from npm
	@$(LONG) integration tests/integration/test_node_red.py $(ARGS)

.PHONY: metrics
metrics: venv ## read the daemon's metrics with a real node_exporter and Prometheus
	@$(LONG) integration tests/integration/test_node_exporter.py $(ARGS)

.PHONY: asyncapi
asyncapi: $(ASYNCAPI) ## check docs/reference/asyncapi.json with the AsyncAPI parser
	@cd .cache/asyncapi && $(ACTIVE) node $(CURDIR)/packaging/validate_asyncapi.mjs $(CURDIR)/docs/reference/asyncapi.json

$(ASYNCAPI): | venv
	@$(ACTIVE) npm install --silent --no-audit --no-fund --ignore-scripts --prefix .cache/asyncapi @asyncapi/parser@3.6.3

.PHONY: lock sbom audit
lock: ## write requirements/lock.txt from setup.cfg: versions and hashes for all its Pythons
	@$(PREPARE) --venv $(VENV_SUPPLY) --extras supply
	@$(VENV_SUPPLY)/bin/uv pip compile setup.cfg --quiet --universal --generate-hashes \
		--upgrade --python-version 3.10 --custom-compile-command 'make lock' --no-annotate \
		--no-emit-index-url --no-emit-find-links --output-file requirements/lock.txt
sbom: ## list all parts of a release in dist/*.cdx.json (CycloneDX)
audit: ## look up every locked version at the advisory service
sbom audit:
	@$(PREPARE) --venv $(VENV_SUPPLY) --extras supply
	@$(VENV_SUPPLY)/bin/python packaging/supply.py $@

.PHONY: wheel
wheel: venv ## build dist/*.whl
	rm -rf build
	$(VENV)/bin/pip wheel --no-deps --wheel-dir dist .

.PHONY: deb
deb: venv ## build dist/*.deb [TARGETS="bookworm-arm64 trixie-amd64 …"]
	@$(RELEASE) --deb $(TARGETS)

.PHONY: release
release: venv ## wheel, sdist, all .debs, SHA256SUMS; twice, and compared [ARGS=]
	@$(RELEASE) --twice $(ARGS)

.PHONY: try-deb
try-deb: venv ## as root: install dist/*.deb into bare Debian systems, upgrade, remove, purge [ARGS=]
	@$(PREPARE) --venv $(VENV) --extras dev,demo,docs $(FOR_ROOTS)
	@$(LONG) integration tests/integration/test_debian_package.py $(ARGS)

.PHONY: try-pipx
try-pipx: venv ## as root: install the wheel with pipx in bare Debian systems
	@$(PREPARE) --venv $(VENV) --extras dev,demo,docs $(FOR_ROOTS)
	@$(LONG) integration tests/integration/test_pipx.py $(ARGS)

.PHONY: arm64
arm64: venv ## as root: run dist/*arm64.deb under emulation and compare its events with those of x86 [ARGS=]
	@$(PREPARE) --venv $(VENV) --extras dev,demo,docs $(FOR_ROOTS)
	@$(LONG) integration tests/integration/test_arm64.py $(ARGS)

.PHONY: pins
pins: venv ## choose the newest wheels for the .debs
	@PYTHONPATH=packaging:. $(VENV)/bin/python -m release.pins

.PHONY: install
install: ## as root: install /opt/edge-fer, /etc/edge-fer and the systemd unit [DESTDIR=]
	@umask 022 && $(PREPARE) --venv $(PREFIX) --apt libdlib-data --copy --destdir '$(DESTDIR)'
	@test -e $(CONFIG) || install -D -m 644 deploy/edge-fer.toml $(CONFIG)
	install -D -m 644 -t $(UNITS) deploy/systemd/edge-fer.service deploy/systemd/edge-fer@.service
	@test -n '$(DESTDIR)' -o ! -d /run/systemd/system || systemctl daemon-reload
	@echo 'next: edit $(CONFIG), then systemctl enable --now edge-fer'

.PHONY: uninstall
uninstall: ## as root: remove all but the configuration [DESTDIR=]
	@test -n '$(DESTDIR)' -o ! -d /run/systemd/system || systemctl disable --now edge-fer || true
	@test -n '$(DESTDIR)' -o ! -d /run/systemd/system || systemctl stop 'edge-fer@*' || true
	rm -rf $(PREFIX) $(UNITS)/edge-fer.service $(UNITS)/edge-fer@.service
	@echo 'kept: $(CONFIG)'

.PHONY: clean
clean: ## remove build outputs and caches; keep environments, trainings and models
	rm -rf build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
