# `make demo` and `make test` do all the set-up they need. Everything they install goes into .venv, except for the
# container engines, which come from the distribution's packages (see tools/engines).
.PHONY: demo test bench lint unit engines-up engines-down setup

ENGINES = python3 tools/engines

demo:
	@tools/setup --runtime
	@$(ENGINES) up docker
	@tools/demo

test: setup
	@tools/check

bench: setup
	@$(ENGINES) up docker podman
	@.venv/bin/python -m benchmarks --json benchmarks/last.json --docs docs

lint: setup
	@tools/check lint

unit: setup
	@tools/check unit

setup:
	@tools/setup

engines-up:
	$(ENGINES) up docker podman podman-rootless

engines-down:
	$(ENGINES) down
