"""Which engines ours is compared with, and how it is printed."""

import json

import pytest
from emotion_benchmarks.engines.contenders import CONTENDERS
from emotion_benchmarks.engines.result import EngineComparison, EngineOutcome, EngineTimes
from emotion_loadtest.figure import to_json

BY_KEY = {each.key: each for each in CONTENDERS}


def build(key, rate, *, errors=(0.0, 0.0), failure=None):
    """An engine that was measured on a trained and on a random model, in two rounds."""
    times = {
        model: {"8 lyrics": EngineTimes(8, (8 / rate, 8 / rate), error, 0, "x")}
        for model, error in zip(("default", "bert-base"), errors, strict=True)
    }
    return EngineOutcome(BY_KEY[key], times, failure)


@pytest.fixture
def comparison():
    return EngineComparison(
        [
            build("ours", 100),
            build("ours-float32", 50),
            build("openvino", 80, errors=(0.03, 0.0)),
            build("openvino-int8", 200, errors=(0.031, 0.0)),
            build("onnxruntime", 40),
            build("ctranslate2", 45, failure="it ended with code 1"),
        ]
    )


def test_ours_is_compared_with_the_best_of_equal_accuracy_on_all_models(comparison):
    found = {each.name: each.value for each in comparison.figures}
    assert found == pytest.approx(
        {
            "default, 8 lyrics: ours, bfloat16 / OpenVINO, bfloat16": 1.25,
            "bert-base, 8 lyrics: ours, bfloat16 / OpenVINO, bfloat16": 1.25,
            "default, 8 lyrics: ours, float32 / ONNX Runtime, float32": 1.25,
            "bert-base, 8 lyrics: ours, float32 / ONNX Runtime, float32": 1.25,
        }
    )


def test_ours_with_avx2_is_compared_with_torch_in_float32_alone(comparison):
    avx2, torch = build("ours-avx2", 45), build("torch-float32", 30)
    (own, *_) = EngineComparison([avx2, torch, build("openvino-float32", 60)]).figures
    assert own.name == "default, 8 lyrics: ours, float32 with AVX2 / torch, padded, float32"
    assert own.value == 1.5


def test_without_ours_or_without_others_there_is_no_ratio():
    assert EngineComparison([build("openvino", 80)]).figures == []
    assert EngineComparison([build("ours", 80)]).figures == []
    assert EngineComparison([]).format() == ""


def test_format_has_a_table_for_each_model_and_says_who_is_not_compared(comparison):
    default, bert, remarks, ratios = comparison.format().split("\n\n")
    assert default.startswith("default, rows/s (largest error in probability)\n")
    assert bert.startswith("bert-base, rows/s")
    assert default.splitlines()[4].split("  ")[0] == "OpenVINO, bfloat16"
    assert default.splitlines()[4].endswith(" 80.0 (0.030)")
    assert "CTranslate2" not in default
    assert remarks.splitlines() == [
        "CTranslate2, float32: not measured: it ended with code 1",
        "OpenVINO, int8: error 0.031, above 0.03; not compared",
    ]
    assert len(ratios.splitlines()) == 5


def test_document_has_every_round(comparison):
    document = json.loads(to_json(comparison.build_document()))
    found = document["engines"]["openvino-int8"]["models"]["default"]["8 lyrics"]
    assert found["rates_rows_per_s"] == [200, 200]
    assert (found["calls_s"], found["max_error"], found["setting"]) == ([0.04] * 2, 0.031, "x")
    assert document["engines"]["ctranslate2"]["error"] == "it ended with code 1"
    assert len(document["ratios"]) == 4


def test_contenders_have_unique_keys_and_folders_that_exist():
    from emotion_benchmarks.comparison.peers import PEERS_FOLDER

    assert len(BY_KEY) == len(CONTENDERS)
    for each in CONTENDERS:
        assert (PEERS_FOLDER / each.engine / "engine.py").is_file()
        assert each.folder is None or (PEERS_FOLDER / each.folder / "requirements.txt").is_file()
