# Everything a person or CI does here, a line or two each. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CHECKPOINT := model_repository/emotion/1/checkpoint
# A source of torch beside PyPI, whose torch brings gigabytes of CUDA: for instance that of
# PyTorch's CPU wheels.
PIP_INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help setup prepare demo serve test test-long bench bench-client bench-path loadtest capacity compare check format clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(INSTALLED)  ## make .venv with everything in it (TORCH_INDEX=<url>: another source for torch)

$(INSTALLED): pyproject.toml setup.py constraints.txt $(wildcard engine/native/*)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check $(PIP_INDEX) -c constraints.txt -e '.[dev]'
	@touch $@

prepare: $(INSTALLED)  ## build the served checkpoint from the shipped adapter
	$(BIN)/python scripts/prepare_model.py

# Only where there is none: a checkpoint that somebody prepared stays.
$(CHECKPOINT)/config.json: | $(INSTALLED)
	$(BIN)/python scripts/prepare_model.py

demo: $(INSTALLED) $(CHECKPOINT)/config.json  ## start Triton, ask the emotion of a dozen lyrics, stop
	$(BIN)/python scripts/demo.py

serve: $(INSTALLED) $(CHECKPOINT)/config.json  ## serve on 127.0.0.1:8001 (gRPC) and :8000 (HTTP) until Ctrl-C
	$(BIN)/python scripts/serve.py

test: $(INSTALLED) $(CHECKPOINT)/config.json  ## unit tests and end-to-end tests on a real Triton
	$(BIN)/pytest

test-long: $(INSTALLED) $(CHECKPOINT)/config.json  ## the long proofs that make test leaves out
	$(BIN)/pytest -m long

bench: $(INSTALLED) $(CHECKPOINT)/config.json  ## the engine by itself: rate, share of the machine's peak (DEVICE=cuda: on a GPU)
	$(BIN)/python scripts/bench.py --device $(or $(DEVICE),cpu)

bench-client: $(INSTALLED) $(CHECKPOINT)/config.json  ## texts a second of the client, against its targets
	$(BIN)/python loadtest/client_rate.py

bench-path: $(INSTALLED) $(CHECKPOINT)/config.json  ## what the way of a request costs beside the model, against its targets
	$(BIN)/python loadtest/request_path.py

loadtest: $(INSTALLED) $(CHECKPOINT)/config.json  ## 30 s of load against loadtest/targets.toml: verdict, report
	$(BIN)/python loadtest/run.py

capacity: $(INSTALLED) $(CHECKPOINT)/config.json  ## the highest rate that holds p99 under 500 ms, and its picture
	$(BIN)/python loadtest/capacity.py

compare: $(INSTALLED) $(CHECKPOINT)/config.json  ## rate, latency, CPU and memory beside LitServe, mosec, infinity, FastAPI
	$(BIN)/python loadtest/compare.py $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

check: $(INSTALLED)  ## lint, format, types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror engine/native/*

format: $(INSTALLED)  ## mend what ruff and clang-format can mend
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/clang-format -i engine/native/*

clean:  ## remove the virtual environments, the prepared checkpoint and caches
	rm -rf .venv .venv-peers $(CHECKPOINT) $(dir $(CHECKPOINT)).checkpoint-* *.egg-info build engine/emotion_engine/*.so .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
