"""The encoder in C++: where it is used, and that its answers are torch's, the same bits always."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from emotion_engine import native
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.encoder import PackedEncoder, PaddedEncoder, build_encoder, load_encoder
from emotion_engine.errors import SettingsError
from emotion_engine.native import NEEDED, NativeEncoder, find_obstacle, load_library
from emotion_engine.packing import pack
from emotion_engine.settings import EngineSettings
from transformers import AutoModelForSequenceClassification, BertConfig

from checkpoints import LABELS, MAX_LENGTH

CPU = torch.device("cpu")
NATIVE_KINDS = ("bert", "distilbert", "roberta", "xlm-roberta")
DTYPES = ("float32", "bfloat16")
ALL_CAPABILITIES = dict.fromkeys(NEEDED[torch.bfloat16], True)
NUM_BATCHES = 500  # of each architecture and dtype


def build_model(**settings: Any) -> Any:
    """Returns a random BERT of one layer or more, with answers that differ from text to text."""
    sizes = {
        "vocab_size": 300,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "initializer_range": 0.1,
        "num_labels": len(LABELS),
    }
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForSequenceClassification.from_config(BertConfig(**sizes | settings))
    model.classifier.weight.data *= 10
    return model.eval()


def skip_where_it_cannot_run(dtype: torch.dtype = torch.float32) -> None:
    """Skips for what the processor lacks alone; whatever else is in the way is a defect."""
    capabilities = torch.cpu.get_capabilities()
    missing = [name for name in NEEDED[dtype] if not capabilities.get(name)]
    if missing:
        pytest.skip(f"the processor has no {missing[0]}")
    if dtype == torch.bfloat16 and capabilities.get("amx_bf16"):
        pytest.skip("the processor has AMX")
    if shutil.which("g++") is None and load_library() is None:
        pytest.skip("there is no g++")


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads, until the end of the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def capabilities(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A processor that can do all that is needed, as torch reports it; tests take away from it."""
    found = dict(ALL_CAPABILITIES)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    monkeypatch.setattr(native, "load_library", lambda: object())
    return found


# Where it is used.


@pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("g++") is None, reason="needs g++ on x86-64"
)
def test_library_is_built_where_a_compiler_is() -> None:
    assert load_library() is not None


def test_load_library_with_another_interface_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_where_it_cannot_run()
    monkeypatch.setattr(native, "INTERFACE", 0)
    assert load_library.__wrapped__() is None


@pytest.mark.parametrize("kind", NATIVE_KINDS)
def test_load_encoder_auto_is_native_where_nothing_is_against_it(
    kind: str, source_of: Callable[[str], Path]
) -> None:
    skip_where_it_cannot_run()
    encoder = load_encoder(source_of(kind), device=CPU, dtype=torch.float32)
    assert type(encoder) is NativeEncoder
    assert str(encoder) == "encoder in C++"


def test_native_encoder_takes_large_forwards_and_warms_up_with_one() -> None:
    skip_where_it_cannot_run()
    encoder = build_encoder(build_model(), device=CPU, dtype=torch.float32)
    assert encoder.default_batch_tokens == 8192
    assert encoder.sizes_to_warm(8192) == (8192,)


def test_find_obstacle_none_on_a_processor_with_all_it_needs(capabilities: dict[str, bool]) -> None:
    assert find_obstacle(build_model(), device=CPU, dtype=torch.float32) is None
    assert find_obstacle(build_model(), device=CPU, dtype=torch.bfloat16) is None


@pytest.mark.parametrize("name", NEEDED[torch.bfloat16])
def test_find_obstacle_missing_capability_is_named(
    name: str, capabilities: dict[str, bool]
) -> None:
    capabilities[name] = False
    obstacle = find_obstacle(build_model(), device=CPU, dtype=torch.bfloat16)
    assert obstacle == f"the processor has no {name}"


def test_find_obstacle_float32_needs_no_bfloat16(capabilities: dict[str, bool]) -> None:
    del capabilities["avx512_bf16"]
    assert find_obstacle(build_model(), device=CPU, dtype=torch.float32) is None


def test_find_obstacle_amx_is_left_to_torch_in_bfloat16_alone(
    capabilities: dict[str, bool],
) -> None:
    capabilities["amx_bf16"] = True
    assert "AMX" in str(find_obstacle(build_model(), device=CPU, dtype=torch.bfloat16))
    assert find_obstacle(build_model(), device=CPU, dtype=torch.float32) is None


def test_find_obstacle_gpu_is_torchs(capabilities: dict[str, bool]) -> None:
    gpu = torch.device("cuda")
    assert (
        find_obstacle(build_model(), device=gpu, dtype=torch.float32) == "it has no code for cuda"
    )


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        pytest.param({"hidden_act": "relu"}, "activation relu", id="activation"),
        pytest.param({"hidden_size": 96}, "hidden size 96", id="hidden-size"),
        pytest.param({"intermediate_size": 96}, "intermediate size 96", id="intermediate-size"),
        pytest.param({"num_attention_heads": 8}, "heads of 8", id="head-size"),
        pytest.param({"num_hidden_layers": 0}, "models without layers", id="no-layer"),
        pytest.param({"is_decoder": True}, "decoders", id="decoder"),
    ],
)
def test_find_obstacle_shape_without_code_is_named(
    settings: dict[str, Any], found: str, capabilities: dict[str, bool]
) -> None:
    model = build_model(**settings)
    assert found in str(find_obstacle(model, device=CPU, dtype=torch.float32))


@pytest.mark.parametrize(
    ("kind", "expected"), [("modernbert-cls", PackedEncoder), ("electra", PaddedEncoder)]
)
def test_load_encoder_architecture_without_code_is_torchs(
    kind: str, expected: type, source_of: Callable[[str], Path]
) -> None:
    encoder = load_encoder(source_of(kind), device=CPU, dtype=torch.float32)
    assert type(encoder) is expected
    assert f"no C++: it has no code for {kind.partition('-')[0]}" in str(encoder)


def test_build_encoder_not_built_falls_back_and_says_so(
    capabilities: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "load_library", lambda: None)
    encoder = build_encoder(build_model(), device=CPU, dtype=torch.float32)
    assert type(encoder) is PackedEncoder
    assert "no C++: it was not built" in str(encoder)


def test_build_encoder_native_wanted_and_not_to_be_had_is_an_error(
    capabilities: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "load_library", lambda: None)
    with pytest.raises(SettingsError, match=r"encoder is 'native', but it was not built.*'torch'"):
        build_encoder(build_model(), device=CPU, dtype=torch.float32, wanted="native")


@pytest.mark.parametrize(("wanted", "kind"), [("torch", PackedEncoder), ("padded", PaddedEncoder)])
def test_build_encoder_in_torch_is_what_is_wanted(wanted: str, kind: type) -> None:
    encoder = build_encoder(build_model(), device=CPU, dtype=torch.float32, wanted=wanted)
    assert type(encoder) is kind
    assert str(encoder).endswith("encoder in torch (chosen)")


def test_build_encoder_decoder_is_padded() -> None:
    model = build_model(is_decoder=True)
    assert type(build_encoder(model, device=CPU, dtype=torch.float32)) is PaddedEncoder


# Its answers; those of every architecture are compared with transformers in test_classifier.py.


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"num_hidden_layers": 1}, id="one-layer"),
        pytest.param({"num_attention_heads": 1}, id="heads-of-64"),
        pytest.param({"hidden_size": 192}, id="heads-of-48"),
        pytest.param({"hidden_size": 256, "num_attention_heads": 2}, id="heads-of-128"),
        pytest.param({"intermediate_size": 320}, id="intermediate-of-320"),
    ],
)
@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_compute_logits_any_shape_equals_torch(
    settings: dict[str, Any], num_threads: int, threads: Callable[[int], None]
) -> None:
    skip_where_it_cannot_run()
    threads(num_threads)
    rng = np.random.default_rng(1)
    row_lens = [1, 2, 15, 16, 17, 63, 64, 65, 300, 512]
    rows = [rng.integers(0, 300, size=n) for n in row_lens]
    (batch,) = pack(rows, max_batch_tokens=2048)
    answers = [
        build_encoder(build_model(**settings), device=CPU, dtype=torch.float32, wanted=wanted)
        for wanted in ("native", "torch")
    ]
    with torch.inference_mode():
        own, torchs = (encoder.compute_logits(batch).softmax(dim=1) for encoder in answers)
    assert torchs.std(dim=0).max() > 0.05
    assert (own - torchs).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", NATIVE_KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_same_bits_in_any_company_and_with_any_threads(
    kind: str, dtype: str, prepared_of: Callable[[str], Path], threads: Callable[[int], None]
) -> None:
    skip_where_it_cannot_run(getattr(torch, dtype))
    settings = EngineSettings(dtype=dtype, encoder="native", max_batch_tokens=512)
    classifier = Classifier.load(read_checkpoint(prepared_of(kind)), settings=settings)
    rng = np.random.default_rng(2)
    rows = [rng.integers(5, 200, size=n) for n in rng.integers(1, MAX_LENGTH + 1, size=100)]
    alone = np.concatenate([classifier.predict([row]).probabilities for row in rows])
    assert len(np.unique(alone, axis=0)) == len(rows)
    for i in range(NUM_BATCHES):
        threads(1 + i % 3)
        chosen = rng.integers(len(rows), size=rng.integers(1, 17))
        answer = classifier.predict([rows[j] for j in chosen]).probabilities
        assert answer.tobytes() == alone[chosen].tobytes()


@pytest.mark.parametrize(
    ("ids", "max_len"), [([5, 300], 2), ([5, -1], 2), ([10**9], 1), ([5] * 513, 513)]
)
def test_compute_logits_beyond_the_embeddings_is_an_error(ids: list[int], max_len: int) -> None:
    skip_where_it_cannot_run()
    encoder = build_encoder(build_model(), device=CPU, dtype=torch.float32, wanted="native")
    (batch,) = pack([np.array(ids)], max_batch_tokens=max_len)
    with pytest.raises(IndexError, match="beyond the model's embeddings"):
        encoder.compute_logits(batch)


@pytest.mark.parametrize("dtype", DTYPES)
def test_compute_logits_broken_weight_is_seen_in_the_answer(dtype: str) -> None:
    skip_where_it_cannot_run(getattr(torch, dtype))
    model = build_model()
    model.bert.encoder.layer[0].attention.self.query.weight.data[0, 0] = torch.nan
    encoder = build_encoder(model, device=CPU, dtype=getattr(torch, dtype), wanted="native")
    (batch,) = pack([np.arange(1, 20)], max_batch_tokens=32)
    with torch.inference_mode():
        assert encoder.compute_logits(batch).isnan().all()
