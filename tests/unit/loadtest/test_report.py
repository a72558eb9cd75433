"""A run as lines of text, as JSON, and as a page that needs nothing from elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest
from emotion_command.errors import Refusal
from emotion_loadtest import report
from emotion_loadtest.measurements import CallerFigures, ServerFigures
from emotion_loadtest.report import (
    WORDS,
    build_json,
    build_page,
    describe_callers,
    describe_server,
    format_run,
    make_folder,
)
from emotion_loadtest.targets import NAMES, Targets
from load_runs import BUSY_GENERATOR, build_run, build_samples

TARGETS = Targets(min_rate=15, max_p99_ms=200, max_error_share=0.001)
ALL_TARGETS = Targets(
    min_rate=15,
    min_answered_share=0.9,
    max_p50_ms=250,
    max_p95_ms=300,
    max_p99_ms=200,
    max_error_share=0.001,
    min_mean_batch=4.5,
)
LATE = build_run(build_samples(late_s=0.2), targets=ALL_TARGETS)
SATURATED = build_run(targets=ALL_TARGETS, generator=BUSY_GENERATOR)
SATURATED_BUT_MET = build_run(targets=Targets(min_rate=1), generator=BUSY_GENERATOR)
# Names, which no browser loads.
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Page(HTMLParser):
    """What is on a page.

    Attributes:
        tags: names of its elements, in order.
        links: what its elements point at.
        rows: of its tables: the row's class, and the texts of its cells.
        text: all of it but the style.
    """

    def __init__(self, html):
        super().__init__()
        self.tags: list[str] = []
        self.links: set[str] = set()
        self.rows: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name.split(":")[-1] in ("href", "src", "srcset", "action", "data", "poster"):
                self.links.add(value or "")
            assert not name.startswith("on"), f"{tag} runs {value}"
        if tag == "tr":
            self.rows.append((dict(attrs).get("class") or "", []))
        elif tag in ("td", "th"):
            self.rows[-1][1].append("")

    def handle_data(self, data):
        last = self.tags[-1] if self.tags else ""
        if last in ("td", "th"):
            self.rows[-1][1][-1] += data.strip()
        if last != "style":
            self.text += data


@pytest.fixture
def undrawn(monkeypatch):
    """Spares the plots, which take longer than all the rest."""
    monkeypatch.setattr(report, "draw_run", lambda run: {})


def read_json(run):
    """Reads as strictly as other languages do."""
    return json.loads(build_json(run), parse_constant=pytest.fail)


def find_addresses(html):
    return set(re.findall(r"""(?:https?:)?//[^\s"'<>)]+""", html))


def test_format_run_has_all_figures_and_a_line_for_each_target():
    assert format_run(build_run(targets=ALL_TARGETS)) == [
        "",
        "callers  16.0 texts/s; 96 calls were due in 6.0 s, 16.0/s",
        "         latency in ms: p50 250, p75 250, p90 250, p95 250, p99 250, p99.9 250, max 250",
        "         0.00% failed",
        "server   16.0 texts/s in batches of 4.0; a request waits 50.0 ms in the queue; "
        "model busy 50% of the time",
        "",
        "                      measured  target",
        "met     rate        16 texts/s  at least 15 texts/s",
        "met     answered         100 %  at least 90 %",
        "met     p50             250 ms  at most 250 ms",
        "met     p95             250 ms  at most 300 ms",
        "MISSED  p99             250 ms  at most 200 ms",
        "met     errors             0 %  at most 0.1 %",
        "MISSED  mean batch      4 rows  at least 4.5 rows",
        "",
    ]
    assert [*WORDS] == [*NAMES]


@pytest.mark.parametrize("changes", [{}, {"polls": []}])
def test_format_run_leaves_out_what_is_not_there(changes):
    lines = format_run(build_run(**changes))
    assert not any("target" in line for line in lines)
    assert any(line.startswith("server") for line in lines) is not bool(changes)


def test_format_run_failures_are_named():
    samples = build_samples()[:96] + build_samples(failure="Overloaded")[96:]
    assert "         33.33% failed: 32 Overloaded" in format_run(build_run(samples))


@pytest.mark.parametrize(("difference", "words"), [(0.02, []), (0.03, ["3% more"])])
def test_format_run_says_that_others_call_the_server(difference, words):
    run = build_run()
    run = replace(run, server=replace(run.server, difference=difference))
    found = re.findall("it counted (.*) texts than the callers: others", "".join(format_run(run)))
    assert found == words


@pytest.mark.parametrize("run", [LATE, SATURATED])
def test_format_run_without_a_verdict_has_the_figures_alone(run):
    # Its problem goes to standard error.
    assert run.problem is not None
    assert format_run(run) == ["", *describe_callers(run.callers), *describe_server(run.server), ""]


def test_format_run_that_passes_with_a_saturated_generator_has_both():
    lines = format_run(SATURATED_BUT_MET)
    assert SATURATED_BUT_MET.saturation in lines
    assert any(line.startswith("met ") for line in lines)


@pytest.mark.parametrize(
    ("samples", "num_missed"),
    [
        pytest.param(build_samples(failure="Overloaded"), len(NAMES), id="no-answer"),
        pytest.param([], 0, id="no-call"),
    ],
)
def test_format_run_without_an_answer_misses_and_without_a_call_has_no_verdict(samples, num_missed):
    lines = format_run(build_run(samples, polls=[], targets=ALL_TARGETS))
    assert sum(line.startswith("MISSED ") for line in lines) == num_missed
    assert not any(line.startswith("met ") for line in lines)


def test_json_has_the_whole_run():
    document = read_json(build_run(targets=Targets(min_rate=15, max_p99_ms=200)))
    assert (document["is_met"], document["problem"]) == (False, None)
    assert document["targets"] == [
        {"name": "min_rate", "limit": 15, "measured": 16, "is_met": True},
        {"name": "max_p99_ms", "limit": 200, "measured": 250, "is_met": False},
    ]
    assert document["callers"].keys() == {field.name for field in fields(CallerFigures)}
    assert document["callers"]["percentiles_ms"] == dict.fromkeys(
        ("p50", "p75", "p90", "p95", "p99", "p99.9"), 250
    )
    assert document["server"].keys() == {field.name for field in fields(ServerFigures)}
    assert document["generator"] == {"cpu_share": 0.25, "num_processes": 2}
    assert (document["warm_up_s"], document["facts"]) == (2, {"server": "127.0.0.1:8001"})
    assert (len(document["seconds"]), len(document["looks"])) == (8, 8)


def test_json_says_why_there_is_no_verdict():
    document = read_json(LATE)
    assert document["problem"] == document["lateness"] == LATE.lateness
    assert (document["saturation"], document["loss"]) == (None, None)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([], id="no-calls"),
        pytest.param(build_samples(failure="Unavailable"), id="all-failed"),
    ],
)
def test_json_what_was_not_measured_is_null(samples):
    document = read_json(build_run(samples, polls=[], targets=Targets(max_p99_ms=200)))
    assert set(document["callers"]["percentiles_ms"].values()) == {None}
    assert document["callers"]["max_ms"] is None
    assert document["targets"][0]["measured"] is None
    assert {second["p50_ms"] for second in document["seconds"]} == {None}
    assert (document["server"], document["looks"]) == (None, [])


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(build_run(targets=TARGETS), id="whole"),
        pytest.param(build_run([], polls=[]), id="nothing-measured"),
    ],
)
def test_page_needs_nothing_from_elsewhere(run):
    html = build_page(run)
    page = Page(html)
    assert find_addresses(html) <= NAMESPACES
    assert all(link.startswith("#") for link in page.links)
    assert all(link.startswith("#") for link in re.findall(r"url\(['\"]?([^)]*)\)", html))
    assert not {"script", "link", "iframe", "img", "object", "embed", "image"} & {*page.tags}
    assert "@import" not in html
    assert page.tags.count("svg") == 4


@pytest.mark.usefixtures("undrawn")
def test_page_shows_figures_targets_and_facts():
    page = Page(build_page(build_run(targets=TARGETS)))
    assert "16.0 texts/s; 96 calls were due in 6.0 s" in page.text
    assert "in batches of 4.0" in page.text
    assert page.rows == [
        ("", ["figure", "measured", "target", "verdict"]),
        ("", ["rate", "16 texts/s", "at least 15 texts/s", "met"]),
        ("missed", ["p99", "250 ms", "at most 200 ms", "MISSED"]),
        ("", ["errors", "0 %", "at most 0.1 %", "met"]),
        ("", ["server", "127.0.0.1:8001"]),
    ]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("run", "mark", "words"),
    [
        pytest.param(build_run(targets=Targets(min_rate=1)), "pass", "targets met", id="met"),
        pytest.param(build_run(targets=TARGETS), "fail", "target missed", id="missed"),
        pytest.param(build_run(), "unclear", "measured; no targets were given", id="no-targets"),
        pytest.param(LATE, "unclear", "no verdict", id="late"),
        pytest.param(SATURATED, "unclear", "no verdict", id="saturated-and-missed"),
        pytest.param(SATURATED_BUT_MET, "pass", "targets met", id="saturated-and-met"),
    ],
)
def test_page_begins_with_the_verdict_and_shows_the_doubt(run, mark, words):
    html = build_page(run)
    assert f'<span class="verdict {mark}">{words}</span>' in html
    doubt = run.lateness or run.saturation
    assert re.findall("<strong>(.*)</strong>", html) == ([doubt] if doubt else [])


@pytest.mark.usefixtures("undrawn")
def test_page_html_in_facts_and_failures_is_text():
    evil = "<img src='http://evil.example/a.png'> & \"more\" <script>alert(1)</script>"
    samples = build_samples(failure=evil)
    page = Page(build_page(build_run(samples, facts={f"name {evil}": f"value {evil}"})))
    assert not {"script", "img"} & {*page.tags}
    assert ("", [f"name {evil}", f"value {evil}"]) in page.rows
    assert f"96 {evil}" in page.text


@pytest.mark.usefixtures("undrawn")
def test_page_without_figures_of_the_server_has_those_of_the_callers():
    page = Page(build_page(build_run(polls=[], targets=Targets(min_mean_batch=4))))
    assert "callers" in page.text
    assert "in batches of" not in page.text
    assert ("missed", ["mean batch", "- rows", "at least 4 rows", "MISSED"]) in page.rows


def test_make_folder_makes_its_parents(tmp_path):
    make_folder(tmp_path / "new" / "reports")
    make_folder(tmp_path / "new" / "reports")
    assert (tmp_path / "new" / "reports").is_dir()


def test_make_folder_that_cannot_be_written_says_what_to_name(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Refusal, match=f"^--report {file}: File exists; name a folder that can be"):
        make_folder(file)
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root can write everywhere
    with pytest.raises(Refusal, match=f"^--report {tmp_path} cannot be written; name another"):
        make_folder(tmp_path)
