"""A capacity search as a sentence, a table, JSON, a page and a picture."""

import json
import math
import re

import pytest
from emotion_loadtest.capacity import Capacity
from emotion_loadtest.capacity_report import build_json, build_page, format_steps, write_report
from load_runs import build_step

LIMIT_MS = 500.0
SILENT = build_step(
    1100.0, p99_ms=math.inf, p50_ms=math.inf, p95_ms=math.inf, done_per_s=0.0, error_share=1.0
)
STEPS = [
    build_step(600.0),
    build_step(1200.0, p99_ms=4000.0, done_per_s=1050.0, error_share=0.25),
    build_step(900.0, p99_ms=480.0),
    SILENT,
    build_step(1050.0, p99_ms=700.0, problem="the generator was the limit"),
]
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
WITHOUT_ANSWER = pytest.mark.parametrize("steps", [[], [SILENT]], ids=["no-steps", "no-answer"])


def build(*steps, facts=None):
    return Capacity(LIMIT_MS, 1300.0, steps, facts or {"server": "here"})


def test_sentence_names_rate_limit_and_closed_loop():
    sentence = (
        "holds 900.0 texts/s at Poisson arrivals with p99 480 ms (limit 500 ms); at most "
        "1,300.0 texts/s in a closed loop"
    )
    assert build(*STEPS[:4]).sentence == sentence
    assert build(*STEPS).sentence == (
        f"{sentence}. Just beyond it the generator was late as well: it may hold more"
    )


def test_format_steps_is_a_table_by_rate():
    assert format_steps(build(*STEPS)) == [
        "   rate  answered/s  p50 ms  p95 ms  p99 ms   errors",
        "  600.0       600.0      25      50     100    0.00%  holds",
        "  900.0       900.0     120     240     480    0.00%  holds",
        "1,050.0     1,050.0     175     350     700    0.00%  the generator was the limit",
        "1,100.0         0.0     inf     inf     inf  100.00%  does not hold",
        "1,200.0     1,050.0   1,000   2,000   4,000   25.00%  does not hold",
    ]


def test_json_has_all_steps_and_null_where_nothing_was_answered():
    document = json.loads(build_json(build(*STEPS)), parse_constant=pytest.fail)
    assert document.keys() == {"max_p99_ms", "most_per_s", "held", "steps", "facts"}
    assert (document["max_p99_ms"], document["most_per_s"]) == (500, 1300)
    assert document["held"] == document["steps"][2]
    assert [step["rate"] for step in document["steps"]] == [600, 1200, 900, 1100, 1050]
    silent = document["steps"][3]
    assert [silent[name] for name in ("p50_ms", "p95_ms", "p99_ms")] == [None] * 3
    assert document["facts"] == {"server": "here"}


def test_page_is_self_contained_and_escaped():
    evil = "<script src='http://evil.example'></script>"
    html = build_page(build(*STEPS, facts={"server": evil}))
    assert "<script" not in html
    assert "&lt;script src=" in html
    addresses = set(re.findall(r"""https?://[^\s"'<>&]+""", html))
    assert addresses == NAMESPACES | {"http://evil.example"}
    assert html.count("<svg") == 1
    assert "holds 900/s" in html
    assert '<span class="verdict pass">holds 900.0 texts/s' in html
    assert all(line in html for line in format_steps(build(*STEPS)))


@WITHOUT_ANSWER
def test_search_without_a_rate_that_holds_says_so(steps):
    found = build(*steps)
    assert found.sentence == "no rate holds p99 under 500 ms"
    assert json.loads(build_json(found))["held"] is None
    html = build_page(found)
    assert f'<span class="verdict fail">{found.sentence}</span>' in html
    assert html.count("<svg") == 1


def test_write_report_has_json_page_and_picture(tmp_path):
    write_report(build(*STEPS), folder=tmp_path)
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert files["capacity.json"].decode() == build_json(build(*STEPS))
    assert b"<svg" in files["capacity.html"]
    png = files["capacity.png"]
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(png[16:20], "big") == 9 * 150
    assert len(files) == 3
