# Everything here is resumable: what is done is checked and kept.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-deploy soak soak-rdma unit lint up status down clean lock
SHELL := bash
DEVSTACK := .venv/bin/python -m devstack
ANY_DEVSTACK := $(or $(wildcard .venv/bin/python),python3) -m devstack
STEP := . devstack/step.sh; step

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the Python environment .venv, from requirements.lock
	@devstack/setup.sh

demo: setup ## set everything up, run the RDMA action cold, warm and as a burst of forks
	@$(DEVSTACK) demo

test: setup lint ## set everything up and run all tests
	@devstack/test.sh

test-long: setup ## the tests of reliability with the store away for over a minute
	@SWIFT_STORE_AWAY_S=65 .venv/bin/pytest tests/integration/reliability

soak: setup ## 10,000 warm activations through one invoker: memory, files, threads, processes
	@SWIFT_SOAK_ACTIVATIONS=10000 .venv/bin/pytest -s tests/integration/reliability/test_soak.py

soak-rdma: setup ## 200 forks and 200 cold containers on the RDMA machine: nothing of them stays
	@SWIFT_SOAK_COLD=200 .venv/bin/pytest -s tests/integration/runtime_image/test_rdma_soak.py

test-deploy: setup ## ansible's long tests: upgrade under load, a host that dies, uninstall; a host with RDMA
	@.venv/bin/pytest -s tests/e2e/ansible/fleet_upgrade.py tests/e2e/ansible/fleet_rdma.py

unit: setup ## the tests that need no services
	@.venv/bin/pytest tests/unit tests/contract

lint: setup ## ruff, mypy, yamllint
	@$(STEP) "ruff check" .venv/bin/ruff check .
	@$(STEP) "ruff format" .venv/bin/ruff format --check --exclude '*.md' .
	@$(STEP) "mypy" .venv/bin/mypy
	@$(STEP) "yamllint" .venv/bin/yamllint --strict --config-file ansible/.yamllint ansible

up: setup ## the devstack: Kafka, store, controller, RDMA machine, invoker
	@$(DEVSTACK) up

status: ## what of the devstack is up
	@$(DEVSTACK) status

# To stop things, the system's Python will do where .venv is gone.
down: ## stop the devstack; nothing of it stays behind but files in .devstack
	@$(ANY_DEVSTACK) down

clean: ## stop the devstack, remove all that was built
	@$(ANY_DEVSTACK) clean
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

lock: setup ## make requirements.lock anew from pyproject.toml
	@devstack/lock-requirements.sh
