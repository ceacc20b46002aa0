# The commands of the project: "make help" lists them.
# Each makes the environment that it needs first (scripts/bootstrap: quick when nothing changed).

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:
# Programs start in half the time from compiled files, and tests start hundreds of them.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
RUFF := .venv/bin/ruff
# One test process more than two cores: tests wait for browsers, programs and disks. Who has nothing
# left takes over half of what another still has, so that none works alone at the end.
WORKERS ?= 3
PARALLEL = -n $(WORKERS) --dist worksteal

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## Run a hub and six Participants on this machine; ONCE=1: one scripted case, a JSON summary, end
	@scripts/bootstrap run
	@exec .venv/bin/trm-demo $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: test
test: ## Run all tests; TESTS=path for some of them
	@scripts/bootstrap dev
	@scripts/system-packages
	@exec $(PYTHON) -m pytest -q -rfER $(PARALLEL) $(TESTS)

.PHONY: coverage
coverage: ## Run all tests and count which lines they reach, with its floor: half as long again
	@scripts/bootstrap dev
	@scripts/system-packages
	@exec $(PYTHON) -m pytest -q $(PARALLEL) --cov --cov-report=term

# How long, in seconds, and with how many processes; TARGET=name for one; REPLAY=file for one input.
SECONDS ?= 1800
PROCESSES ?= 2

.PHONY: fuzz
fuzz: ## Fuzz the parsers of outside bytes, led by coverage; SECONDS=1800 TARGET=name REPLAY=file
	@scripts/bootstrap dev
	@exec $(PYTHON) -m tests.fuzz.run --seconds $(SECONDS) --processes $(PROCESSES) \
		$(if $(TARGET),--target $(TARGET)) $(if $(REPLAY),--replay $(REPLAY))

# The seed of a run, how many messages are sent and how many faults done; KEEP=1 keeps its folder.
SEED ?= 1
MESSAGES ?= 10000
FAULTS ?= 200

.PHONY: chaos
chaos: ## Proof by force: kill, cut, wipe, restore under traffic; SEED=1 MESSAGES=10000 FAULTS=200 KEEP=1
	@scripts/bootstrap dev
	@scripts/system-packages
	@exec $(PYTHON) -m tests.chaos.run --seed $(SEED) --messages $(MESSAGES) --faults $(FAULTS) \
		$(if $(filter-out 0,$(KEEP)),--keep)

.PHONY: cluster
cluster: ## Grow a broker from one server to three, and lose servers, under load; prints a transcript
	@scripts/bootstrap dev
	@exec $(PYTHON) -m pytest -q --timeout 600 tests/integration/broker/test_cluster_growth.py \
		tests/integration/broker/test_cluster_loss.py tests/cluster/losses.py

.PHONY: bench
bench: ## Measure how fast messages get through beside the bare broker and mail; QUICK=1: two minutes
	@scripts/bootstrap dev
	@exec $(PYTHON) -m tests.bench.delivery $(if $(filter-out 0,$(QUICK)),--quick)

.PHONY: bench-sealing
bench-sealing: ## Measure what sealing and opening cost beside the bare primitives; QUICK=1: a few rounds
	@scripts/bootstrap dev
	@exec $(PYTHON) -m tests.bench.sealing $(if $(filter-out 0,$(QUICK)),--quick)

.PHONY: bench-registry
bench-registry: ## Measure what verifying, updating and asking a large registry costs; QUICK=1: a small one
	@scripts/bootstrap dev
	@exec $(PYTHON) -m tests.bench.registry $(if $(filter-out 0,$(QUICK)),--quick)

.PHONY: bench-size
bench-size: ## Measure what people do with 100,000 cases beside 1,000, both databases; QUICK=1: 10,000
	@scripts/bootstrap dev
	@scripts/system-packages
	@exec $(PYTHON) -m tests.bench.size $(if $(filter-out 0,$(QUICK)),--quick)

.PHONY: check
check: ## Check format, lint, types, import rules, dependencies, migrations, and what is generated
	@scripts/bootstrap dev
	@for script in scripts/bootstrap scripts/system-packages; do sh -n "$$script" || exit 1; done
	@bash -n .ci/run
	@$(RUFF) format --quiet --check .
	@$(RUFF) check --quiet .
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@.venv/bin/deptry --no-ansi . 2>.venv/deptry.log || { cat .venv/deptry.log; exit 1; }
	@$(PYTHON) -c 'import sys, console.extraction as words; sys.exit("\n".join(words.find_template_findings()) or 0)' \
		|| { echo "make messages: brings the template in step with the sentences" >&2; exit 1; }
	@$(PYTHON) scripts/check_migrations.py
	@for script in $(GENERATORS); do $(PYTHON) $$script --check || exit 1; done
	@echo "check: all good"

# What is written from the code into the tree: schemas and annex, tables of policy and attacks, vectors.
GENERATORS := scripts/generate_protocol.py scripts/generate_policy.py scripts/generate_vectors.py \
	scripts/generate_attacks.py scripts/generate_malicious.py scripts/generate_api_examples.py \
	scripts/generate_access.py scripts/generate_languages.py

.PHONY: generate
generate: ## Write what is generated from the code: schemas and annex, the table of policy, vectors
	@scripts/bootstrap dev
	@for script in $(GENERATORS); do $(PYTHON) $$script || exit 1; done

.PHONY: format
format: ## Put the code in the project's format, and repair what the linter can repair safely
	@scripts/bootstrap dev
	@$(RUFF) check --quiet --fix-only .
	@$(RUFF) format --quiet .

.PHONY: messages
messages: ## Bring console/locales/trm.pot in step with the sentences in code and templates
	@scripts/bootstrap dev
	@$(PYTHON) -m console.extraction

# The annotations name what asked for a package, never where it comes from.
COMPILE = .tools/env/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	--python-version 3.11 $(if $(UPGRADE),--upgrade)

.PHONY: pictures
pictures: ## Take the pictures of docs/images anew, in Chromium
	@scripts/bootstrap dev
	@$(PYTHON) -m tests.browser.pictures
	@$(PYTHON) -m tests.browser.hub_pictures

.PHONY: lock
lock: ## Compile requirements/*.lock from pyproject.toml; UPGRADE=1: to the newest releases
	@scripts/bootstrap dev
	@$(COMPILE) pyproject.toml --group build -o requirements/run.lock
	@$(COMPILE) pyproject.toml --group dev --constraint requirements/run.lock -o requirements/dev.lock
	@$(COMPILE) --group tools -o requirements/tools.lock
	@scripts/bootstrap dev

.PHONY: wheel
wheel: ## Build the wheel into dist/
	@scripts/bootstrap dev
	@rm -rf dist
	@$(PYTHON) -m hatchling build -t wheel

.PHONY: clean
clean: ## Remove what the other commands made: environments, caches, reports
	@rm -rf .venv .tools build dist htmlcov .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
