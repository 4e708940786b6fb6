# All commands of this project; `make` lists them.

# Values come from make's command line: variables of these names in the environment belong to other programs.
# The first interpreter that the project supports; PYTHON=… chooses another.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON = $(or $(shell for python in python3 python3.13 python3.14 python3.12 python3.11; do \
	$$python -I -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done),python3)
STACK = ec2-task-reporter
EMAIL =
TABLE =
PARAMETERS =
ARGS =

# Programs receive these as variables, unchanged: a shell would interpret quotes, and make dollar signs.
override STACK := $(value STACK)
override EMAIL := $(value EMAIL)
override TABLE := $(value TABLE)
override PARAMETERS := $(value PARAMETERS)
export STACK EMAIL TABLE PARAMETERS
GIVEN = --stack="$$STACK" --email="$$EMAIL" --parameters="$$PARAMETERS"

# Make the named Python environments, and run the command after -- without the variables that the shell exports.
RUN = "$(PYTHON)" -I local/run.py

.DEFAULT_GOAL := help
.PHONY: help demo local test soak check bench fuzz killed build deploy takeover member clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## run the whole story on this machine: no AWS account, no Docker; a hub: make demo ARGS=organization
	@$(RUN) project sam aws -- .venv/bin/python -m local.demo $(ARGS)

local: ## keep the same stack running, to try it with the aws CLI
	@$(RUN) project sam aws -- .venv/bin/python -m local.serve $(ARGS)

test: ## run every test: unit, integration, end to end
	@$(RUN) project sam aws bench -- .venv/bin/python -m tests $(ARGS)

soak: ## random histories with every fault, in one account and in several: nothing lost, nothing repeated without need
	@$(RUN) project -- .venv/bin/python -m tests.campaigns.lives $(ARGS)
	@$(RUN) -- .venv/bin/python -m tests.campaigns.fleet $(ARGS)

check: ## check style, types, and the security of code and template
	@$(RUN) project sam check -- .venv-check/bin/ruff check .
	@$(RUN) -- .venv-check/bin/ruff format --check .
	@$(RUN) -- .venv/bin/mypy
	@$(RUN) -- .venv-check/bin/bandit --quiet --recursive layers functions cli local
	@$(RUN) -- .venv-check/bin/cfn-lint template.yaml --append-rules cfn_lint_serverless.rules
	@$(RUN) -- .venv-check/bin/cfn-lint member.yaml
	@$(RUN) -- .venv-sam/bin/sam validate --lint --region us-east-1
	@$(RUN) -- .venv-check/bin/zizmor --quiet --offline .github
	@$(RUN) -- .venv-check/bin/checkov --file template.yaml --file member.yaml --framework cloudformation --compact --quiet --skip-download

bench: ## measure time, memory and reads beside a tutorial's reporter
	@$(RUN) project sam aws bench bench-cli bench-lambda -- .venv/bin/python -m benchmarks $(ARGS)

fuzz: ## feed random hostile input to every reader: make fuzz ARGS="--cases 1000000 --seed 7"
	@$(RUN) project -- .venv/bin/python -m tests.campaigns.hostile $(ARGS)

killed: ## kill the functions at random moments, and check that nothing is lost
	@$(RUN) project sam aws -- .venv/bin/python -m tests.campaigns.kills $(ARGS)

build: ## build functions and layer for AWS, into .aws-sam
	@$(RUN) project sam -- .venv/bin/python -m local.deploy build

deploy: ## deploy into your AWS account: make deploy EMAIL=you@example.com
	@$(RUN) --aws project sam -- .venv/bin/python -m local.deploy deploy $(GIVEN)

takeover: ## give a retained table to a new stack: make takeover TABLE=name EMAIL=you@example.com
	@$(RUN) --aws project sam -- .venv/bin/python -m local.deploy takeover --table="$$TABLE" $(GIVEN)

member: ## give the hub access to its organization, or to one account: make member ARGS="--profile name"
	@$(RUN) --aws project -- .venv/bin/python -m local.member --stack="$$STACK" --parameters="$$PARAMETERS" $(ARGS)

clean: ## remove all environments and build results
	rm -rf .venv .venv-* .aws-sam .local build .hypothesis .pytest_cache .mypy_cache .ruff_cache
