# Each target is one line or a few: what they start says how it works.
.DEFAULT_GOAL := help
.PHONY: help up down test rehearse resilience fuzz lint docs lock bench audit sbom

BIN := .venv/bin
PLACE ?= local
# Processes of this machine need the programs; containers need only what deploys them.
TOOLS := $(if $(filter local,$(PLACE)),local,deploy)
# Ansible refuses to run in another encoding, and the logs name files in any language.
export LC_ALL := C.UTF-8
# Where Python is told to keep nothing that it compiles, each of a playbook's many processes compiles all of Ansible.
unexport PYTHONDONTWRITEBYTECODE
export PYTHON SOURCE

SCRIPTS := $(wildcard requirements/*.sh) cloudformation/buildspecs/vault-password .ci/run .ci/docker .ci/base-images/postgres-entrypoint \
           $(wildcard compose/scripts/*)
DOCKERFILES := compose/Dockerfile .ci/base-images/Dockerfile tests/acceptance/rehearsal/codebuild/Dockerfile
TEMPLATES := $(wildcard cloudformation/*.yaml)

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

up: ## start Windsock on this machine [SOURCE=<folder, s3://bucket/prefix or sample>] [PLACE=compose] [PYTHON=...] [ARGS=...]
	@sh requirements/install.sh $(TOOLS)
	@$(BIN)/ansible-playbook site.yml --inventory inventory/$(PLACE) $(ARGS)

down: ## stop what `make up` started [PURGE=1 removes its data too, never the source] [PLACE=compose]
	@sh requirements/install.sh $(TOOLS)
	@$(BIN)/ansible-playbook playbooks/down.yml --inventory inventory/$(PLACE) $(if $(PURGE),--extra-vars purge=$(PURGE)) $(ARGS)

test: ## run the tests and show their coverage [ARGS=tests/unit]
	@sh requirements/install.sh dev
	@$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered --durations=20 \
	    --numprocesses=auto --maxprocesses=4 --no-loadscope-reorder $(ARGS)

rehearse: ## deploy to an emulated AWS on this machine, release, destroy; says what that does not prove [ARGS=-x]
	@sh requirements/install.sh dev
	@$(BIN)/python -m pytest tests/acceptance/rehearsal --capture=no --verbose --no-header $(ARGS)

resilience: ## faults, load, hostile input and locked doors, at full length; a table of what was lost [ARGS=-k=killed]
	@sh requirements/install.sh dev
	@$(BIN)/python -m tests.resilience $(ARGS)

fuzz: ## let a fuzzer look for input that the parsers fall over; what it finds stays in tests/artefacts [SECONDS=600] [ARGS=cron]
	@sh requirements/install.sh dev
	@$(BIN)/python -m tests.resilience.fuzzing --seconds $(or $(SECONDS),600) $(ARGS)

lint: ## check the style, the types, the playbooks, the templates and the scripts
	@sh requirements/install.sh dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	PATH="$(CURDIR)/$(BIN):$$PATH" ansible-lint --offline
	$(BIN)/shellcheck $(SCRIPTS)
	$(if $(DOCKERFILES),$(BIN)/hadolint $(DOCKERFILES))
	$(BIN)/cfn-lint --include-checks I --non-zero-exit-code informational -- $(TEMPLATES)
	sh requirements/tool.sh checkov
	.tools/checkov/bin/python .tools/checkov/bin/checkov --directory cloudformation --framework cloudformation \
	    --skip-download --compact --quiet

docs: ## write docs/settings.md and docs/parameters.md from the programs and the templates
	@sh requirements/install.sh dev
	@$(BIN)/python -m docs.settings
	@$(BIN)/python -m docs.parameters

bench: ## measure the load and the API [ARGS=--only=api]
	@sh requirements/install.sh dev
	@sh requirements/tool.sh bench
	@$(BIN)/python -m bench $(ARGS)

audit: ## known holes in the locked packages, by PyPI's advisories; says so where those cannot be reached
	@sh requirements/audit.sh

sbom: ## the bill of materials (CycloneDX) of the images of `make up PLACE=compose`, in .tools/sbom [VERSION=dev]
	@sh requirements/tool.sh supply
	@for program in api worker; do .tools/supply/bin/python compose/sbom.py \
	    windsock-$$program:$(or $(VERSION),dev) .tools/sbom/$$program.cdx.json || exit 1; done

lock: ## write requirements/*.txt from pyproject.toml [UPGRADE=--upgrade]
	@sh requirements/install.sh dev
	@sh requirements/lock.sh $(UPGRADE)
