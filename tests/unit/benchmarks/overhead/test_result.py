"""Percentiles, figures and targets of request overhead."""

import pytest
from emotion_benchmarks.overhead.result import (
    OVER_ENGINE,
    READY,
    REQUEST_RATE,
    ROW_RATE,
    SPREAD,
    Latencies,
    Lone,
    Result,
    build_rate_figure,
    summarize_times,
)
from emotion_benchmarks.overhead.steps import Steps
from emotion_loadtest.figure import Target

USUAL = Latencies(100, first_ms=9.0, mean_ms=5.0, p50_ms=4.0, p99_ms=10.0, max_ms=11.0)
LONE = Lone(
    ready_s=20.5,
    lyrics=USUAL,
    client=Latencies(100, first_ms=6.0, mean_ms=6.0, p50_ms=6.0, p99_ms=18.0, max_ms=18.0),
    engine=Latencies(100, first_ms=4.0, mean_ms=4.0, p50_ms=4.0, p99_ms=5.0, max_ms=5.0),
    steps=Steps(total_ms=6.0, python_ms=0.25, grpc_ms=0.5, triton_ms=(0.125, 0.125, 4.5, 0.25)),
)


def test_summarize_times_has_percentiles_in_milliseconds():
    latencies = summarize_times([each / 1000 for each in [101, *range(1, 101)]])
    assert latencies.num_calls == 101
    assert latencies.first_ms == pytest.approx(101)
    assert latencies.mean_ms == pytest.approx(51)
    assert latencies.p50_ms == pytest.approx(51)
    assert latencies.p99_ms == pytest.approx(100)
    assert latencies.max_ms == pytest.approx(101)
    assert latencies.spread == pytest.approx(100 / 51)


def test_build_rate_figure_is_the_median_of_the_faster_sender():
    rates = {"slow": [90.0, 100.0, 999.0], "fast": [300.0, 200.0, 100.0]}
    figure = build_rate_figure("requests", rates, target=Target(10, "at least"))
    assert (figure.name, figure.value, figure.unit) == ("requests", 200.0, "/s")
    assert (figure.note, figure.is_met) == ("fast, 100..300; slow 100", True)


def test_figures_judge_rates_lyrics_the_ratio_to_the_engine_and_distilbert():
    single, many = {"aio": [2_999.0]}, {"aio": [20_000.0]}
    result = Result(single, many, LONE, {64: USUAL, 32: USUAL})
    judged = [each for each in result.figures if each.target is not None]
    assert [(each.name, each.value, each.target, each.is_met) for each in judged] == [
        ("requests of 1 row, empty model", 2_999, REQUEST_RATE, False),
        ("rows at 32 a request, empty model", 20_000, ROW_RATE, True),
        ("start to READY", 20.5, READY, False),
        ("lone lyrics, p99/p50", 2.5, SPREAD, False),
        ("32 tokens, p50 / engine p50", 1.5, OVER_ENGINE, True),
        ("DistilBERT, 64 tokens, requests", 200, Target(194, "at least"), True),
        ("DistilBERT, 32 tokens, requests", 200, Target(300, "at least"), False),
    ]
    assert {each.name: each.value for each in result.figures if each.target is None} == {
        "lone lyrics, p50": 4.0,
        "lone lyrics, p99": 10.0,
        "32 tokens, p50": 6.0,
        "32 tokens, p99/p50": 3.0,
        "32 tokens, engine p50": 4.0,
        "32 tokens, mean, of which": 6.0,
        "  the client tokenizes, builds and reads": 0.25,
        "  gRPC between client and door": 0.5,
        "  the door, and Triton's gRPC": 0.25,
        "  Triton's queue, and the start of its thread": 0.125,
        "  Triton gives the inputs to the model's process": 0.125,
        "  the model's process, forward pass included": 4.5,
        "  Triton takes the answers": 0.25,
    }
