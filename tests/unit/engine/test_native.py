"""The encoder in C++: when it is used, and that it agrees with torch and is deterministic."""

import platform
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from emotion_engine import native
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier, softmax
from emotion_engine.encoder import load_encoder
from emotion_engine.errors import SettingsError
from emotion_engine.native import NEEDED, NativeEncoder, find_obstacle, load_library
from emotion_engine.packing import pack
from emotion_engine.processor import read_flags
from emotion_engine.settings import EngineSettings
from emotion_engine.torch_encoder import PackedEncoder, PaddedEncoder
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, BertConfig

from checkpoints import LABELS, MAX_LENGTH, edit_json

NATIVE_KINDS = ("bert", "distilbert", "roberta", "xlm-roberta")
DTYPES = ("float32", "bfloat16")
ALL_FLAGS = {"fpu", *NEEDED["bfloat16"]}
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


@pytest.fixture
def folder_of(tmp_path):
    """Returns the folder of a small random BERT with these settings."""

    def save(**settings):
        build_model(**settings).save_pretrained(tmp_path)
        return tmp_path

    return save


def obstacle_of(folder, *, device="cpu", dtype="float32"):
    return find_obstacle(folder, device=device, dtype=dtype)


def load(folder, *, dtype="float32", wanted="auto", num_threads=2):
    return load_encoder(folder, device="cpu", dtype=dtype, wanted=wanted, num_threads=num_threads)


def skip_where_it_cannot_run(dtype="float32"):
    """Skips because of the processor or a missing compiler; any other obstacle is a defect."""
    missing = [name for name in NEEDED[dtype] if name not in read_flags()]
    if missing:
        pytest.skip(f"the processor has no {missing[0]}")
    if dtype == "bfloat16" and "amx_bf16" in read_flags():
        pytest.skip("the processor has AMX")
    if shutil.which("g++") is None and load_library() is None:
        pytest.skip("there is no g++")


@pytest.fixture
def flags(monkeypatch):
    """The flags of a processor with all that is needed; a test may change them."""
    found = set(ALL_FLAGS)
    monkeypatch.setattr(native, "read_flags", lambda: found)
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
    encoder = load(source_of(kind))
    assert type(encoder) is NativeEncoder
    assert str(encoder) == "encoder in C++"


def test_native_encoder_takes_large_forwards_and_warms_up_with_one(folder_of):
    skip_where_it_cannot_run()
    encoder = load(folder_of())
    assert encoder.default_batch_tokens == 8192
    assert encoder.sizes_to_warm(8192) == (8192,)


@pytest.mark.parametrize("name", NEEDED["bfloat16"])
def test_find_obstacle_missing_flag_is_named(name, flags, folder_of):
    folder = folder_of()
    assert obstacle_of(folder, dtype="bfloat16") is None
    flags.remove(name)
    assert obstacle_of(folder, dtype="bfloat16") == f"the processor has no {name}"


def test_find_obstacle_to_bfloat16_is_not_one_to_float32(flags, folder_of):
    folder = folder_of()
    flags.add("amx_bf16")
    sentence = "it cannot use the processor's AMX"
    assert obstacle_of(folder, dtype="bfloat16").startswith(sentence)
    assert obstacle_of(folder) is None
    flags -= {"amx_bf16", "avx512_bf16"}
    assert obstacle_of(folder, dtype="bfloat16") == "the processor has no avx512_bf16"
    assert obstacle_of(folder) is None


def test_find_obstacle_gpu_is_named(flags, folder_of):
    assert obstacle_of(folder_of(), device="cuda:0") == "it has no code for cuda"


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
def test_find_obstacle_shape_without_code_is_named(settings, found, flags, folder_of):
    assert found in str(obstacle_of(folder_of(**settings)))


def test_find_obstacle_missing_setting_is_named(flags, folder_of):
    folder = folder_of()
    edit_json(folder / "config.json", layer_norm_eps=None)
    assert obstacle_of(folder) == "config.json has no layer_norm_eps"


def test_find_obstacle_weight_under_another_name_is_named(flags, folder_of):
    file = folder_of() / "model.safetensors"
    weights = load_file(file)
    weights["bert.embeddings.LayerNorm.gamma"] = weights.pop("bert.embeddings.LayerNorm.weight")
    save_file(weights, file, metadata={"format": "pt"})
    expected = "model.safetensors has no bert.embeddings.LayerNorm.weight"
    assert obstacle_of(file.parent) == expected


@pytest.mark.parametrize("change", [{"hidden_size": 128}, {"intermediate_size": 256}])
def test_find_obstacle_weights_of_another_shape_are_named(flags, folder_of, change):
    folder = folder_of()
    edit_json(folder / "config.json", **change)
    assert str(obstacle_of(folder)).startswith("config.json does not fit the shape of bert.")


def test_find_obstacle_bfloat16_on_disk_is_named(flags, tmp_path):
    build_model().to(torch.bfloat16).save_pretrained(tmp_path)
    assert obstacle_of(tmp_path) == "it cannot read weights in BF16"


@pytest.mark.parametrize(
    ("kind", "expected"), [("modernbert-cls", PackedEncoder), ("electra", PaddedEncoder)]
)
def test_load_encoder_architecture_without_code_runs_in_torch(kind, expected, source_of):
    encoder = load(source_of(kind))
    assert type(encoder) is expected
    assert f"no C++: it has no code for {kind.partition('-')[0]}" in str(encoder)


def test_load_encoder_not_built_falls_back_unless_native_is_wanted(flags, monkeypatch, folder_of):
    folder = folder_of()
    monkeypatch.setattr(native, "load_library", lambda: None)
    encoder = load(folder)
    assert type(encoder) is PackedEncoder
    assert "no C++: it was not built" in str(encoder)
    with pytest.raises(SettingsError, match=r"encoder is 'native', but it was not built.*'torch'"):
        load(folder, wanted="native")


@pytest.mark.parametrize(("wanted", "kind"), [("torch", PackedEncoder), ("padded", PaddedEncoder)])
def test_load_encoder_in_torch_is_used_if_wanted(wanted, kind, folder_of):
    encoder = load(folder_of(), wanted=wanted)
    assert type(encoder) is kind
    assert str(encoder).endswith("encoder in torch (chosen)")


def test_load_encoder_decoder_is_padded(folder_of):
    assert type(load(folder_of(is_decoder=True))) is PaddedEncoder


def test_native_encoder_does_not_need_torch(folder_of):
    skip_where_it_cannot_run()
    code = (
        "import sys; from pathlib import Path; from emotion_engine.encoder import load_encoder;"
        "load_encoder(Path(sys.argv[1]), device='cpu', dtype='float32', wanted='native');"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(folder_of())]
    assert subprocess.check_output(command, text=True).strip() == "set()"


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
def test_compute_logits_any_shape_equals_torch(settings, folder_of):
    skip_where_it_cannot_run()
    rng = np.random.default_rng(1)
    row_lens = [1, 2, 15, 16, 17, 63, 64, 65, 300, 512]
    rows = [rng.integers(0, 300, size=n) for n in row_lens]
    (batch,) = pack(rows, max_batch_tokens=2048)
    folder = folder_of(**settings)
    own, torchs = (load(folder, wanted=wanted) for wanted in ("native", "torch"))
    expected = softmax(torchs.compute_logits(batch))
    assert expected.std(axis=0).max() > 0.05
    for own.num_threads in (1, 2, 5):
        assert np.abs(softmax(own.compute_logits(batch)) - expected).max() <= 1e-5


@pytest.mark.parametrize("kind", NATIVE_KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_is_bit_identical_in_any_batch_with_any_threads(kind, dtype, prepared_of):
    skip_where_it_cannot_run(dtype)
    settings = EngineSettings(dtype=dtype, encoder="native", max_batch_tokens=512)
    classifier = Classifier.load(read_checkpoint(prepared_of(kind)), settings=settings)
    rng = np.random.default_rng(2)
    rows = [rng.integers(5, 200, size=n) for n in rng.integers(1, MAX_LENGTH + 1, size=100)]
    alone = np.concatenate([classifier.predict([row]).probabilities for row in rows])
    assert len(np.unique(alone, axis=0)) == len(rows)
    for i in range(NUM_BATCHES):
        classifier.encoder.num_threads = 1 + i % 3
        chosen = rng.integers(len(rows), size=rng.integers(1, 17))
        answer = classifier.predict([rows[j] for j in chosen]).probabilities
        assert answer.tobytes() == alone[chosen].tobytes()


@pytest.mark.parametrize(
    ("ids", "max_len"), [([5, 300], 2), ([5, -1], 2), ([10**9], 1), ([5] * 513, 513)]
)
def test_compute_logits_beyond_the_embeddings_is_an_error(ids, max_len, folder_of):
    skip_where_it_cannot_run()
    encoder = load(folder_of(), wanted="native")
    (batch,) = pack([np.array(ids)], max_batch_tokens=max_len)
    with pytest.raises(IndexError, match="beyond the model's embeddings"):
        encoder.compute_logits(batch)


@pytest.mark.parametrize("dtype", DTYPES)
def test_compute_logits_nan_weight_gives_nan(dtype, tmp_path):
    skip_where_it_cannot_run(dtype)
    model = build_model()
    model.bert.encoder.layer[0].attention.self.query.weight.data[0, 0] = torch.nan
    model.save_pretrained(tmp_path)
    (batch,) = pack([np.arange(1, 20)], max_batch_tokens=32)
    assert np.isnan(load(tmp_path, dtype=dtype, wanted="native").compute_logits(batch)).all()
