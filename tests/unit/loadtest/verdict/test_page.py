"""A run as a page that needs nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from load_runs import build_polls, build_run, build_samples
from traffic.generator import GeneratorLoad
from verdict import page as page_module
from verdict.page import build_page
from verdict.run import Run
from verdict.targets import Targets

TARGETS = Targets(min_rate=15, max_p99_ms=200, max_error_share=0.001)
BUSY = GeneratorLoad(cpu_share=0.99, num_processes=1)
# Names, which nobody asks for.
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Page(HTMLParser):
    """What is on a page.

    Attributes:
        tags: names of its elements, in order.
        links: what its elements point at.
        rows: of its tables, the texts of their cells, by the row's class.
        text: all of it but the style.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: set[str] = set()
        self.rows: list[tuple[str, list[str]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.split(":")[-1] in ("href", "src", "srcset", "action", "data", "poster"):
                self.links.add(value or "")
            assert not name.startswith("on"), f"{tag} runs {value}"
        if tag == "tr":
            self.rows.append((dict(attrs).get("class") or "", []))
        elif tag in ("td", "th"):
            self.rows[-1][1].append("")

    def handle_data(self, data: str) -> None:
        last = self.tags[-1] if self.tags else ""
        if last in ("td", "th"):
            self.rows[-1][1][-1] += data.strip()
        if last != "style":
            self.text += data


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the pictures, which take longer than all the rest."""
    monkeypatch.setattr(page_module, "draw_run", lambda run: {})


def read_page(run: Run) -> Page:
    return Page(build_page(run))


def find_addresses(html: str) -> set[str]:
    return set(re.findall(r"""(?:https?:)?//[^\s"'<>)]+""", html))


@pytest.mark.parametrize(
    "run",
    [build_run(targets=TARGETS), build_run([], polls=[])],
    ids=["whole", "nothing-measured"],
)
def test_page_needs_nothing_from_elsewhere(run: Run) -> None:
    html = build_page(run)
    page = Page(html)
    assert find_addresses(html) <= NAMESPACES
    assert all(link.startswith("#") for link in page.links)
    assert all(link.startswith("#") for link in re.findall(r"url\(['\"]?([^)]*)\)", html))
    assert not {"script", "link", "iframe", "img", "object", "embed", "image"} & {*page.tags}
    assert "@import" not in html
    assert page.tags.count("svg") == 4


@pytest.mark.usefixtures("undrawn")
def test_page_shows_figures_targets_and_facts() -> None:
    page = read_page(build_run(targets=TARGETS))
    assert "16.0 texts/s; 96 calls were due in 6.0 s" in page.text
    assert "in batches of 4.0" in page.text
    assert ("", ["rate, at least", "15 texts/s", "16 texts/s", "pass"]) in page.rows
    assert ("", ["errors, at most", "0.1 %", "0 %", "pass"]) in page.rows
    assert ("", ["server", "127.0.0.1:8001"]) in page.rows


@pytest.mark.usefixtures("undrawn")
def test_page_marks_the_missed_targets_alone() -> None:
    page = read_page(build_run(targets=TARGETS))
    missed = [cells for mark, cells in page.rows if mark == "missed"]
    assert missed == [["p99, at most", "200 ms", "250 ms", "FAIL"]]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("run", "mark", "words"),
    [
        (build_run(targets=Targets(min_rate=1)), "pass", "targets met"),
        (build_run(targets=TARGETS), "fail", "target missed"),
        (build_run(), "unclear", "measured; no targets were given"),
        (
            build_run(build_samples(late_s=0.2), targets=TARGETS),
            "unclear",
            "no verdict",
        ),
        (
            build_run(targets=TARGETS, generator=BUSY),
            "unclear",
            "no verdict",
        ),
        (build_run(targets=Targets(min_rate=1), generator=BUSY), "pass", "targets met"),
    ],
    ids=["met", "missed", "no-targets", "late", "saturated-and-missed", "saturated-and-met"],
)
def test_page_begins_with_the_verdict(run: Run, mark: str, words: str) -> None:
    assert f'<span class="verdict {mark}">{words}</span>' in build_page(run)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "run",
    [build_run(build_samples(late_s=0.2)), build_run(generator=BUSY)],
    ids=["late", "saturated"],
)
def test_page_shows_the_doubt(run: Run) -> None:
    sentence = run.lateness or run.saturation
    assert sentence
    assert sentence in read_page(run).text


@pytest.mark.usefixtures("undrawn")
def test_page_html_in_facts_and_failures_is_text() -> None:
    evil = "<img src='http://evil.example/a.png'> & \"more\" <script>alert(1)</script>"
    samples = build_samples(failure=evil)
    page = read_page(build_run(samples, facts={f"name {evil}": f"value {evil}"}))
    assert not {"script", "img"} & {*page.tags}
    assert ("", [f"name {evil}", f"value {evil}"]) in page.rows
    assert f"96 {evil}" in page.text


@pytest.mark.usefixtures("undrawn")
def test_page_without_figures_of_the_server_has_those_of_the_callers() -> None:
    page = read_page(build_run(polls=[], targets=Targets(min_mean_batch=4)))
    assert "callers" in page.text
    assert "in batches of" not in page.text
    assert ("missed", ["mean batch, at least", "4 rows", "- rows", "FAIL"]) in page.rows


@pytest.mark.usefixtures("undrawn")
def test_page_without_an_answered_call_misses_its_targets() -> None:
    samples = build_samples(failure="Unavailable")
    page = read_page(build_run(samples, polls=build_polls(rows_per_s=0), targets=TARGETS))
    assert [mark for mark, _ in page.rows].count("missed") == 3
    assert "100.00% failed: 96 Unavailable" in page.text
