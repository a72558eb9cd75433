"""The encoder in C++: when it is used, and that it agrees with torch and is deterministic."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from emotion_engine import dtype as dtype_module
from emotion_engine import encoder as encoder_module
from emotion_engine import processor
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier, softmax
from emotion_engine.encoder import load_encoder
from emotion_engine.errors import SettingsError
from emotion_engine.instructions import INSTRUCTION_SETS, choose_instructions
from emotion_engine.native import NativeEncoder, find_obstacle
from emotion_engine.packing import pack
from emotion_engine.settings import EngineSettings
from emotion_engine.torch_encoder import PackedEncoder, PaddedEncoder
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, BertConfig

from checkpoints import LABELS, MAX_LENGTH, edit_json

NATIVE_KINDS = ("bert", "distilbert", "roberta", "xlm-roberta")
DTYPES = ("float32", "bfloat16")
NUM_BATCHES = 100  # of each architecture and dtype
NAN_OF_LOW_BITS = np.int32(0x7F800001).view(np.float32)  # rounded to bfloat16, infinite


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


def obstacle_of(folder, *, device="cpu"):
    return find_obstacle(folder, device=device)


def load(folder, *, dtype="float32", wanted="auto", num_threads=2):
    return load_encoder(folder, device="cpu", dtype=dtype, wanted=wanted, num_threads=num_threads)


def skip_where_it_cannot_run(dtype="float32"):
    """Skips where no library in C++ can compute in a dtype."""
    found = choose_instructions(dtype)
    if isinstance(found, str):
        pytest.skip(found)


def list_encoders(dtypes=DTYPES):
    """Returns the kinds of C++ encoder that can run here, with a dtype of each."""
    return [
        pytest.param(f"native-{each.name}", dtype, id=f"{each.name}-{dtype}")
        for each in INSTRUCTION_SETS
        for dtype in dtypes
        if choose_instructions(dtype, wanted=each.name) is each
    ]


# When it is used; test_instructions.py has what follows from the processor.


@pytest.mark.parametrize("kind", NATIVE_KINDS)
def test_load_encoder_auto_is_native_without_an_obstacle(kind, source_of):
    skip_where_it_cannot_run()
    encoder = load(source_of(kind))
    assert type(encoder) is NativeEncoder
    pattern = r"encoder in C\+\+ \((AVX-512|AVX2), (1 thread|\d+ threads), may use \d+ cores\)"
    assert re.fullmatch(pattern, str(encoder))


def test_native_encoder_takes_large_forwards_and_warms_up_with_one(folder_of):
    skip_where_it_cannot_run()
    encoder = load(folder_of())
    assert encoder.default_batch_tokens == 8192
    assert encoder.sizes_to_warm(8192) == (8192,)


def test_find_obstacle_gpu_is_named(folder_of):
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
def test_find_obstacle_shape_without_code_is_named(settings, found, folder_of):
    assert found in str(obstacle_of(folder_of(**settings)))


def test_find_obstacle_missing_setting_is_named(folder_of):
    folder = folder_of()
    edit_json(folder / "config.json", layer_norm_eps=None)
    assert obstacle_of(folder) == "config.json has no layer_norm_eps"


def test_find_obstacle_weight_under_another_name_is_named(folder_of):
    file = folder_of() / "model.safetensors"
    weights = load_file(file)
    weights["bert.embeddings.LayerNorm.gamma"] = weights.pop("bert.embeddings.LayerNorm.weight")
    save_file(weights, file, metadata={"format": "pt"})
    expected = "model.safetensors has no bert.embeddings.LayerNorm.weight"
    assert obstacle_of(file.parent) == expected


@pytest.mark.parametrize("change", [{"hidden_size": 128}, {"intermediate_size": 256}])
def test_find_obstacle_weights_of_another_shape_are_named(folder_of, change):
    folder = folder_of()
    edit_json(folder / "config.json", **change)
    assert str(obstacle_of(folder)).startswith("config.json does not fit the shape of bert.")


def test_find_obstacle_bfloat16_on_disk_is_named(tmp_path):
    build_model().to(torch.bfloat16).save_pretrained(tmp_path)
    assert obstacle_of(tmp_path) == "it cannot read weights in BF16"


@pytest.mark.parametrize(
    ("kind", "expected"), [("modernbert-cls", PackedEncoder), ("electra", PaddedEncoder)]
)
def test_load_encoder_architecture_without_code_runs_in_torch(kind, expected, source_of):
    encoder = load(source_of(kind))
    assert type(encoder) is expected
    assert f"no C++: it has no code for {kind.partition('-')[0]}" in str(encoder)


def test_load_encoder_not_built_falls_back_unless_native_is_wanted(monkeypatch, folder_of):
    folder = folder_of()
    sentence = "it was not built for AVX2: install g++"
    monkeypatch.setattr(encoder_module, "choose_instructions", lambda *_, **__: sentence)
    encoder = load(folder)
    assert type(encoder) is PackedEncoder
    assert f"no C++: {sentence}" in str(encoder)
    with pytest.raises(SettingsError, match=r"encoder is 'native', but it was not built.*'torch'"):
        load(folder, wanted="native")


def test_load_encoder_more_threads_than_cores_uses_one_for_each_core(monkeypatch, folder_of):
    skip_where_it_cannot_run()
    monkeypatch.setattr(processor, "count_cores", lambda: 2)
    assert load(folder_of(), wanted="native", num_threads=64).num_threads == 2


def test_load_avx2_computes_in_float32_on_any_processor(monkeypatch, prepared_of):
    if isinstance(found := choose_instructions("float32", wanted="avx2"), str):
        pytest.skip(found)
    monkeypatch.setattr(dtype_module, "read_flags", lambda: {"avx512_bf16"})
    settings = EngineSettings(encoder="native-avx2", num_threads=1)
    classifier = Classifier.load(read_checkpoint(prepared_of("bert")), settings=settings)
    assert str(classifier.encoder).startswith("encoder in C++ (AVX2, 1 thread, ")
    settings = EngineSettings(encoder="native-avx2", dtype="bfloat16")
    with pytest.raises(SettingsError, match=r"AVX2 has no bfloat16 \(set dtype to float32\)"):
        Classifier.load(read_checkpoint(prepared_of("bert")), settings=settings)


@pytest.mark.parametrize(("wanted", "kind"), [("torch", PackedEncoder), ("padded", PaddedEncoder)])
def test_load_encoder_in_torch_is_used_if_wanted(wanted, kind, folder_of, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a library in C++ was looked for")

    monkeypatch.setattr(encoder_module, "choose_instructions", fail)
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
@pytest.mark.parametrize(("wanted", "dtype"), list_encoders(("float32",)))
def test_compute_logits_any_shape_equals_torch(settings, wanted, dtype, folder_of):
    rng = np.random.default_rng(1)
    row_lens = [1, 2, 15, 16, 17, 63, 64, 65, 300, 512]
    rows = [rng.integers(0, 300, size=n) for n in row_lens]
    (batch,) = pack(rows, max_batch_tokens=2048)
    folder = folder_of(**settings)
    own = load(folder, wanted=wanted, dtype=dtype)
    expected = softmax(load(folder, wanted="torch").compute_logits(batch))
    assert expected.std(axis=0).max() > 0.05
    for own.num_threads in (1, 2, 5):
        assert np.abs(softmax(own.compute_logits(batch)) - expected).max() <= 1e-5


@pytest.mark.parametrize("kind", NATIVE_KINDS)
@pytest.mark.parametrize(("wanted", "dtype"), list_encoders())
def test_predict_is_bit_identical_in_any_batch_with_any_threads(kind, wanted, dtype, prepared_of):
    settings = EngineSettings(dtype=dtype, encoder=wanted, max_batch_tokens=512)
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
@pytest.mark.parametrize("value", [NAN_OF_LOW_BITS, np.nan, np.inf])
def test_compute_logits_weight_that_is_no_number_gives_nan(value, dtype, tmp_path):
    skip_where_it_cannot_run(dtype)
    model = build_model()
    weight = model.bert.encoder.layer[0].attention.self.query.weight.data
    weight.view(torch.int32)[0, 0] = int(np.float32(value).view(np.int32))
    model.save_pretrained(tmp_path)
    (batch,) = pack([np.arange(1, 20)], max_batch_tokens=32)
    assert np.isnan(load(tmp_path, dtype=dtype, wanted="native").compute_logits(batch)).all()


def test_compute_logits_concurrent_calls_get_their_own_answers(folder_of):
    skip_where_it_cannot_run()
    encoder = load(folder_of(), wanted="native")
    rng = np.random.default_rng(3)
    rows = [[rng.integers(0, 300, size=n) for n in rng.integers(1, 100, size=6)] for _ in range(40)]
    batches = [next(pack(each, max_batch_tokens=1024)) for each in rows]
    expected = [encoder.compute_logits(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder.compute_logits, batches * 5))
    assert [x.tobytes() for x in found] == [x.tobytes() for x in expected] * 5
