# Everything that a person does with this project. `make` lists it.

# The first interpreter that the project supports; PYTHON=… chooses another.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(or $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done),python3)
STACK ?= ec2-task-reporter
EMAIL ?=
PARAMETERS ?=

# The runtime is the interpreter that ran the tests: deploy what you tested.
RUNTIME = $(shell .venv/bin/python -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
SAM = PYTHON="$(CURDIR)/.venv/bin/python" PYTHON_RUNTIME=$(RUNTIME) .venv-sam/bin/sam

.DEFAULT_GOAL := help
.PHONY: help demo local test soak check bench fuzz killed build deploy takeover clean

help: ## list what there is to make
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## show the whole of it on this machine: no AWS account, no Docker
	@$(PYTHON) -m local.environments project sam aws
	@.venv/bin/python -m local.demo

local: ## keep the same stack up, for trying things with the aws CLI
	@$(PYTHON) -m local.environments project sam aws
	@.venv/bin/python -m local.keep $(ARGS)

test: ## run every test: unit, integration, end to end
	@$(PYTHON) -m local.environments project sam aws
	@.venv/bin/python -m tests $(ARGS)

soak: ## 10,000 random histories with every fault: nothing lost, nothing repeated
	@$(PYTHON) -m local.environments project aws
	@.venv/bin/python -m tests.soak $(ARGS)

check: ## lint, types, and the security of code and template
	@$(PYTHON) -m local.environments project sam check
	.venv-check/bin/ruff check .
	.venv-check/bin/ruff format --check .
	.venv/bin/mypy
	.venv-check/bin/bandit --quiet --recursive layers functions cli local
	.venv-check/bin/cfn-lint template.yaml --append-rules cfn_lint_serverless.rules
	SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --region us-east-1
	.venv-check/bin/checkov --file template.yaml --framework cloudformation --compact --quiet --skip-download

bench: ## measure against what a tutorial would build: time, memory, what is read
	@$(PYTHON) -m local.environments project sam aws bench bench-cli bench-lambda
	@.venv/bin/python -m tests.bench $(ARGS)

fuzz: ## feed hostile input to all that reads any: make fuzz ARGS="--cases 1000000 --seed 7"
	@$(PYTHON) -m local.environments project
	@.venv/bin/python -m tests.fuzz $(ARGS)

killed: ## kill the functions while they work, again and again, and see that nothing is lost
	@$(PYTHON) -m local.environments project sam aws
	@.venv/bin/python -m tests.killed $(ARGS)

build: ## build functions and layer for AWS, into .aws-sam
	@$(PYTHON) -m local.environments project sam
	$(SAM) build

deploy: build ## deploy into your AWS account: make deploy EMAIL=you@example.com
	@.venv/bin/python -m local.preflight --stack $(STACK)
	$(SAM) deploy --stack-name $(STACK) \
		--parameter-overrides 'PythonRuntime=$(RUNTIME) $(if $(EMAIL),NotificationEmail=$(EMAIL)) $(PARAMETERS)'

takeover: ## give a table that stayed to a new stack: make takeover TABLE=name EMAIL=you@example.com
	@$(PYTHON) -m local.environments project
	.venv/bin/python -m local.takeover --table "$(TABLE)" --stack $(STACK) --parameters '$(PARAMETERS)'
	@$(MAKE) deploy

clean: ## remove all that was made here
	rm -rf .venv .venv-* .aws-sam .local build .hypothesis .pytest_cache .mypy_cache .ruff_cache
