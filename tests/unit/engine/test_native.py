"""The encoder in C++: when it is used, and that it agrees with torch and is deterministic."""

import platform
import shutil

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
NUM_BATCHES = 200  # of each architecture and dtype


def build_model(**settings):
    """Returns a small random BERT whose answers differ between texts."""
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


def obstacle_of(model=None, *, device=CPU, dtype=torch.float32):
    return find_obstacle(model or build_model(), device=device, dtype=dtype)


def build(model=None, *, dtype=torch.float32, wanted="auto"):
    return build_encoder(model or build_model(), device=CPU, dtype=dtype, wanted=wanted)


def skip_where_it_cannot_run(dtype=torch.float32):
    """Skips because of the processor or a missing compiler; any other obstacle is a defect."""
    capabilities = torch.cpu.get_capabilities()
    missing = [name for name in NEEDED[dtype] if not capabilities.get(name)]
    if missing:
        pytest.skip(f"the processor has no {missing[0]}")
    if dtype == torch.bfloat16 and capabilities.get("amx_bf16"):
        pytest.skip("the processor has AMX")
    if shutil.which("g++") is None and load_library() is None:
        pytest.skip("there is no g++")


@pytest.fixture
def threads():
    """Sets the number of threads, until the end of the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def capabilities(monkeypatch):
    """The capabilities of a processor with all that is needed; a test may change them."""
    found = dict(ALL_CAPABILITIES)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    monkeypatch.setattr(native, "load_library", lambda: object())
    return found


# When it is used.


@pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("g++") is None, reason="needs g++ on x86-64"
)
def test_load_library_is_built_if_there_is_a_compiler():
    assert load_library() is not None


def test_load_library_another_interface_is_not_used(monkeypatch):
    skip_where_it_cannot_run()
    monkeypatch.setattr(native, "INTERFACE", 0)
    assert load_library.__wrapped__() is None


@pytest.mark.parametrize("kind", NATIVE_KINDS)
def test_load_encoder_auto_is_native_without_an_obstacle(kind, source_of):
    skip_where_it_cannot_run()
    encoder = load_encoder(source_of(kind), device=CPU, dtype=torch.float32)
    assert type(encoder) is NativeEncoder
    assert str(encoder) == "encoder in C++"


def test_native_encoder_takes_large_forwards_and_warms_up_with_one():
    skip_where_it_cannot_run()
    encoder = build()
    assert encoder.default_batch_tokens == 8192
    assert encoder.sizes_to_warm(8192) == (8192,)


@pytest.mark.parametrize("name", NEEDED[torch.bfloat16])
def test_find_obstacle_missing_capability_is_named(name, capabilities):
    assert obstacle_of(dtype=torch.bfloat16) is None
    capabilities[name] = False
    assert obstacle_of(dtype=torch.bfloat16) == f"the processor has no {name}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"avx512_bf16": False}, "the processor has no avx512_bf16"),
        ({"amx_bf16": True}, "it cannot use the processor's AMX"),
    ],
)
def test_find_obstacle_to_bfloat16_is_not_one_to_float32(change, sentence, capabilities):
    capabilities.update(change)
    assert obstacle_of(dtype=torch.bfloat16).startswith(sentence)
    assert obstacle_of() is None


def test_find_obstacle_gpu_is_named(capabilities):
    assert obstacle_of(device=torch.device("cuda")) == "it has no code for cuda"


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"hidden_act": "relu"}, "activation relu"),
        ({"hidden_size": 96}, "hidden size 96"),
        ({"intermediate_size": 96}, "intermediate size 96"),
        ({"num_attention_heads": 8}, "heads of 8"),
        ({"num_hidden_layers": 0}, "models without layers"),
        ({"is_decoder": True}, "decoders"),
    ],
)
def test_find_obstacle_shape_without_code_is_named(settings, found, capabilities):
    assert found in str(obstacle_of(build_model(**settings)))


@pytest.mark.parametrize(
    ("kind", "expected"), [("modernbert-cls", PackedEncoder), ("electra", PaddedEncoder)]
)
def test_load_encoder_architecture_without_code_runs_in_torch(kind, expected, source_of):
    encoder = load_encoder(source_of(kind), device=CPU, dtype=torch.float32)
    assert type(encoder) is expected
    assert f"no C++: it has no code for {kind.partition('-')[0]}" in str(encoder)


def test_build_encoder_not_built_falls_back_unless_native_is_wanted(capabilities, monkeypatch):
    monkeypatch.setattr(native, "load_library", lambda: None)
    encoder = build()
    assert type(encoder) is PackedEncoder
    assert "no C++: it was not built" in str(encoder)
    with pytest.raises(SettingsError, match=r"encoder is 'native', but it was not built.*'torch'"):
        build(wanted="native")


@pytest.mark.parametrize(("wanted", "kind"), [("torch", PackedEncoder), ("padded", PaddedEncoder)])
def test_build_encoder_in_torch_is_used_if_wanted(wanted, kind):
    encoder = build(wanted=wanted)
    assert type(encoder) is kind
    assert str(encoder).endswith("encoder in torch (chosen)")


def test_build_encoder_decoder_is_padded():
    assert type(build(build_model(is_decoder=True))) is PaddedEncoder


# Its answers; test_classifier.py compares every architecture with transformers.


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
def test_compute_logits_any_shape_equals_torch(settings, threads):
    skip_where_it_cannot_run()
    rng = np.random.default_rng(1)
    row_lens = [1, 2, 15, 16, 17, 63, 64, 65, 300, 512]
    rows = [rng.integers(0, 300, size=n) for n in row_lens]
    (batch,) = pack(rows, max_batch_tokens=2048)
    encoders = [build(build_model(**settings), wanted=wanted) for wanted in ("native", "torch")]
    for num_threads in (1, 2, 5):
        threads(num_threads)
        with torch.inference_mode():
            own, torchs = (encoder.compute_logits(batch).softmax(dim=1) for encoder in encoders)
        assert torchs.std(dim=0).max() > 0.05
        assert (own - torchs).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", NATIVE_KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_is_bit_identical_in_any_batch_with_any_threads(kind, dtype, prepared_of, threads):
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
def test_compute_logits_beyond_the_embeddings_is_an_error(ids, max_len):
    skip_where_it_cannot_run()
    encoder = build(wanted="native")
    (batch,) = pack([np.array(ids)], max_batch_tokens=max_len)
    with pytest.raises(IndexError, match="beyond the model's embeddings"):
        encoder.compute_logits(batch)


@pytest.mark.parametrize("dtype", DTYPES)
def test_compute_logits_nan_weight_gives_nan(dtype):
    skip_where_it_cannot_run(getattr(torch, dtype))
    model = build_model()
    model.bert.encoder.layer[0].attention.self.query.weight.data[0, 0] = torch.nan
    encoder = build(model, dtype=getattr(torch, dtype), wanted="native")
    (batch,) = pack([np.arange(1, 20)], max_batch_tokens=32)
    with torch.inference_mode():
        assert encoder.compute_logits(batch).isnan().all()
