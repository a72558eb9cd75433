"""Medians, percentiles, ratios, verdicts, and how they are printed."""

import json

import pytest
from emotion_benchmarks.comparison.result import Comparison, summarize
from emotion_loadtest.figure import Target, to_json


@pytest.fixture
def comparison(make_outcome):
    return Comparison(
        [
            make_outcome("ours", 100, form="ours"),
            make_outcome("ours-text", 80, form="ours"),
            make_outcome("slow", 40),
            make_outcome("broken", error="it ended with code 1: no model", form="example"),
        ]
    )


def test_summarize_rate_is_the_median_and_the_rest_is_of_all(make_lap):
    laps = [make_lap(100), make_lap(300, num_wrong=3, max_error=0.5, latency_s=0.9), make_lap(200)]
    figures = summarize(laps)
    assert (figures.texts_per_s, figures.slowest, figures.fastest) == (200, 100, 300)
    assert (figures.p50_ms, figures.p99_ms) == pytest.approx((500, 900))
    assert figures.server_cpu_s_per_1000 == pytest.approx(45 / 6)
    assert figures.caller_cpu_s_per_1000 == pytest.approx(3 / 6)
    assert figures.caller_share == pytest.approx(0.1)
    assert figures.others_cpu == pytest.approx(0.05)
    assert (figures.memory_mib, figures.num_wrong, figures.max_error) == (512, 3, 0.5)


def test_others_are_never_below_0(make_lap):
    assert make_lap(1, machine_cpu_s=15.9).others_cpu == 0


def test_compare_server_that_was_not_measured_has_no_ratio(make_outcome):
    measured, failed = make_outcome("ours", 100), make_outcome("theirs", error="it ended")
    comparison = Comparison([measured, failed])
    assert comparison.compare("ours", failed) is None
    assert comparison.compare("theirs", measured) is None
    assert comparison.compare("missing", measured) is None


@pytest.mark.parametrize(
    ("form", "rate", "limit", "is_met"),
    [
        ("tuned", 200, 2, True),
        ("tuned", 199, 2, False),
        ("example", 500, 5, True),
        ("example", 499, 5, False),
    ],
)
def test_figures_have_the_limit_of_the_form(make_outcome, form, rate, limit, is_met):
    own = make_outcome("ours", rate, form="ours")
    text = make_outcome("ours-text", rate, form="ours")
    (figure,) = Comparison([own, text, make_outcome("a", 100, form=form)]).ratios
    assert (figure.name, figure.value) == (f"rate of ours / A, {form}", rate / 100)
    assert (figure.target, figure.is_met) == (Target(limit, "at least"), is_met)


@pytest.mark.parametrize(
    ("form", "max_error", "limit"),
    [("tuned", 0.03, 2), ("tuned", 0.031, None), ("engine", 0.0, None), ("example", 1.0, None)],
)
def test_server_of_less_accuracy_and_engine_have_a_ratio_without_target(
    make_outcome, form, max_error, limit
):
    other = make_outcome("a", 100, form=form, max_error=max_error)
    (figure,) = Comparison([make_outcome("ours", 50, form="ours"), other]).ratios
    assert figure.value == 0.5
    assert figure.target == (limit and Target(limit, "at least"))


@pytest.mark.parametrize(("rate", "is_met"), [(90, True), (89, False)])
def test_best_of_equal_accuracy_is_the_fastest_that_is_tuned_and_exact(make_outcome, rate, is_met):
    others = [
        make_outcome("slow", 50),
        make_outcome("best", 60, form="engine"),
        make_outcome("coarse", 99, form="engine", max_error=0.031),
        make_outcome("example", 99, form="example"),
        make_outcome("failed", error="it ended", form="engine"),
    ]
    ours = make_outcome("ours", rate, form="ours")
    (figure,) = Comparison([ours, *others]).best_ratios
    assert figure.name == "rate of ours / the best of equal accuracy (Best)"
    assert (figure.value, figure.is_met) == (pytest.approx(rate / 60), is_met)
    assert figure.target == Target(1.5, "at least")
    assert Comparison(others).best_ratios == []
    assert Comparison([ours, *others[2:]]).best_ratios == []


@pytest.mark.parametrize(
    ("ours", "theirs", "code", "code_if_judged"),
    [
        pytest.param({"rate": 200}, {"rate": 100}, 0, 0, id="met"),
        pytest.param({"rate": 199}, {"rate": 100}, 0, 1, id="missed"),
        pytest.param({"rate": 200}, {"error": "it ended"}, 0, 2, id="peer-failed"),
        pytest.param({"error": "it ended"}, {"rate": 100}, 2, 2, id="ours-cannot-start"),
        pytest.param({"rate": 200, "error": "it ended"}, {"rate": 100}, 1, 2, id="ours-died"),
        pytest.param({"rate": 200, "num_wrong": 1}, {"rate": 100}, 1, 1, id="ours-is-wrong"),
        pytest.param(None, {"rate": 100}, 0, 2, id="without-ours"),
    ],
)
def test_choose_exit_code(make_outcome, ours, theirs, code, code_if_judged):
    pairs = (("ours", ours), ("tuned", theirs))
    outcomes = [make_outcome(form, form=form, **each) for form, each in pairs if each]
    comparison = Comparison(outcomes)
    assert comparison.choose_exit_code(is_judged=False) == code
    assert comparison.choose_exit_code(is_judged=True) == code_if_judged


def test_format_has_a_line_for_each_server_measured_or_not_and_verdicts(comparison):
    head, *rows, blank, _, verdict, best = comparison.format().splitlines()
    cells = " ".join(rows[0].split())
    assert cells == "Ours 100 0.000 500 500 15.0 1.00 512 1.00 0.80"
    assert rows[2].split()[-2:] == ["2.50", "2.00"]
    error = "not measured: it ended with code 1: no model"
    assert rows[3].split(maxsplit=11)[2:] == [*["-"] * 9, error]
    assert (len(rows), len(head), blank) == (4, len(rows[0]), "")
    spaceless = " ".join(verdict.split())
    assert spaceless == "met rate of ours / Slow, tuned 2.5 x at least 2 x 2.50 to 2.50"
    assert best.startswith("met  rate of ours / the best of equal accuracy (Slow)")


def test_format_remarks_on_wrong_answers_a_busy_caller_and_other_processes(make_outcome):
    comparison = Comparison(
        [
            make_outcome(
                "a", 100, num_wrong=7, max_error=0.119, caller_cpu_s=9.0, machine_cpu_s=25.0
            ),
            make_outcome("b", 100, max_error=0.03, caller_cpu_s=9.1, machine_cpu_s=25.2),
        ]
    )
    assert comparison.format().splitlines()[3:] == [
        "WRONG: A, tuned: 7 of 64 answers differ from the model's own",
        "A, tuned: error 0.119, above 0.03",
        "B, tuned: other processes kept 0.1 cores busy; measure again on an idle machine",
        "B, tuned: the calling process used 91% of a core, and may be what limits the rate",
    ]


def test_document_has_figures_errors_and_targets(comparison):
    document = json.loads(to_json(comparison.build_document()))
    assert document["num_checked"] == 64
    slow, broken = document["peers"]["slow"], document["peers"]["broken"]
    assert (slow["name"], slow["form"]) == ("Slow, tuned", "tuned")
    assert (slow["figures"]["texts_per_s"], len(slow["laps"])) == (40, 1)
    assert slow["ratio_of_ours"]["of_medians"] == 2.5
    assert slow["ratio_of_ours_text"]["of_medians"] == 2
    assert (broken["error"], broken["figures"]) == ("it ended with code 1: no model", None)
    assert [(each["name"], each["is_met"]) for each in document["targets"]] == [
        ("rate of ours / Slow, tuned", True),
        ("rate of ours / the best of equal accuracy (Slow)", True),
    ]
    assert slow["figures"]["max_error"] == 0
