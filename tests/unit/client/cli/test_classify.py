"""The command `classify`, with a fake client."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest
from emotion_client import InvalidInput, Overloaded, Unavailable
from emotion_client.cli import classify as module
from emotion_client.cli.answers import build_answer
from emotion_client.cli.classify import Tally
from emotion_client.cli.main import main
from emotion_client.cli.texts import Text
from fake_client import READ_AHEAD, predict

URL = "127.0.0.1:8001"


@pytest.fixture
def type_in(monkeypatch):
    """Puts bytes on standard input."""

    def put(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


@pytest.fixture
def file(tmp_path):
    return tmp_path / "verses.txt"


def read_json(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_tally_describes_the_first_of_each_kind():
    tally = Tally()
    assert (list(tally.describe()), tally.exit_code()) == ([], 0)
    for answer in (predict(), Overloaded("one"), Unavailable("two"), InvalidInput("three")):
        tally.add(answer)
    assert list(tally.describe()) == [
        "bad input: 1 of 4 texts; the first: three",
        "no answer: 2 of 4 texts; the first: one",
    ]
    assert (tally.exit_code(), tally.num_failed_in_a_row) == (2, 2)
    tally.add(predict())
    assert tally.num_failed_in_a_row == 0


def test_classify_arguments_are_rows_in_their_order(service, capsys):
    service.answers = {"so": predict(0.0), "fa": predict(0.5, num_tokens=200)}
    assert main(["classify", "la", "so", "", "fa"]) == 0
    assert capsys.readouterr() == (
        "joy      0.75  ████████    la\n"
        "sadness  1.00  ██████████  so\n"
        "joy      0.75  ████████\n"
        "joy      0.50  █████       fa  truncated: 200 tokens\n",
        "",
    )
    (client,) = service.clients
    assert not client.is_open


@pytest.mark.parametrize("source", ["stdin", "dash", "file"])
def test_classify_lines_are_rows(source, service, type_in, file, capsys):
    content = b"la\r\n\nso"
    options = {"stdin": [], "dash": ["--file", "-"], "file": ["--file", str(file)]}[source]
    file.write_bytes(content)
    type_in(b"" if source == "file" else content)
    assert main(["classify", *options]) == 0
    printed, errors = capsys.readouterr()
    assert [line[27:] for line in printed.splitlines()] == ["la", "", "so"]
    assert errors == ""
    assert service.texts == ["la", "", "so"]


def test_classify_json_is_an_object_a_line(service, file, capsys):
    file.write_text("la\nso\n")
    assert main(["classify", "--json", "--file", str(file)]) == 0
    texts = [Text(0, "la", str(file), 1), Text(1, "so", str(file), 2)]
    assert read_json(capsys) == [build_answer(each, predict(), has_text=False) for each in texts]


def test_classify_json_has_the_text_if_wanted(service, capsys):
    assert main(["classify", "--json", "--with-text", "Ніч", "\ud800"]) == 2
    good, bad = read_json(capsys)
    assert good["text"] == "Ніч"
    assert "text" not in bad


def test_classify_bad_texts_stay_in_their_place_and_others_go_on(service, file, capsys):
    lines = [b"la", b"\xff secret", b"so", b"fa", b"secret \xfe", b"re"]
    file.write_bytes(b"\n".join(lines))
    assert main(["classify", "--json", "--file", str(file)]) == 2
    printed, errors = capsys.readouterr()
    records = [json.loads(line) for line in printed.splitlines()]
    assert [record["position"] for record in records] == list(range(6))
    errors_at = {i: record["error"] for i, record in enumerate(records) if "error" in record}
    assert errors_at == {1: "InvalidInput", 4: "InvalidInput"}
    problem = f"{file}: line 2: byte 0xff at offset 0 of the line is not UTF-8"
    assert records[1]["message"] == problem
    assert errors == f"lyric-emotion: bad input: 2 of 6 texts; the first: {problem}\n"
    assert service.texts == ["la", "so", "fa", "re"]
    assert "secret" not in printed + errors


def test_classify_bad_argument_is_an_error_row(service, capsys):
    assert main(["classify", "la", "secret \udcff"]) == 2
    printed, errors = capsys.readouterr()
    row = printed.splitlines()[1]
    assert row.startswith("error    text 1 has the lone surrogate U+DCFF at position 7; ")
    assert errors.startswith("lyric-emotion: bad input: 1 of 2 texts; the first: text 1 has ")
    assert "secret" not in printed + errors


@pytest.mark.parametrize(
    ("bad", "code"), [([], 1), (["\ud800"], 2)], ids=["service-failed", "bad-input-too"]
)
def test_classify_text_that_the_service_fails_on_is_an_error_row(bad, code, service, capsys):
    service.answers = {"so": Overloaded(f"{URL}: the queue is full")}
    assert main(["classify", "la", "so", "fa", *bad]) == code
    printed, errors = capsys.readouterr()
    assert printed.splitlines()[1] == f"error    {URL}: the queue is full"
    assert errors.endswith(
        f"lyric-emotion: no answer: 1 of {3 + len(bad)} texts; "
        f"the first: {URL}: the queue is full\n"
    )


def test_classify_without_a_service_is_one_sentence(service, capsys):
    service.failure = Unavailable(f"{URL}: connection refused")
    assert main(["classify", "la", "so"]) == 1
    assert capsys.readouterr() == ("", f"lyric-emotion: {URL}: connection refused\n")


def test_classify_gives_up_on_a_service_that_died(service, monkeypatch, capsys):
    monkeypatch.setattr(module, "MAX_FAILURES_IN_A_ROW", 3)
    service.answers = {"so": Unavailable(f"{URL}: gone")}
    assert main(["classify", "so", "so", "la", *["so"] * 100]) == 1
    printed, errors = capsys.readouterr()
    assert len(printed.splitlines()) == 6
    assert errors == (
        "lyric-emotion: gave up: 3 texts in a row had no answer\n"
        f"lyric-emotion: no answer: 5 of 6 texts; the first: {URL}: gone\n"
    )


@pytest.mark.parametrize("content", [b"", b"\n"], ids=["empty", "blank-line"])
def test_classify_empty_input_is_refused_but_a_blank_line_is_a_text(
    content, service, type_in, capsys
):
    type_in(content)
    assert main(["classify"]) == (0 if content else 2)
    printed, errors = capsys.readouterr()
    if content:
        assert len(printed.splitlines()) == 1
    else:
        assert (printed, errors) == (
            "",
            "lyric-emotion: there is nothing to classify: the input is empty\n",
        )


def test_classify_missing_file_is_refused_before_any_call(service, tmp_path, file, capsys):
    file.write_text("la\n")
    missing = tmp_path / "nothing.txt"
    assert main(["classify", "--file", str(file), str(missing)]) == 2
    assert capsys.readouterr() == ("", f"lyric-emotion: {missing}: No such file or directory\n")
    assert not service.clients


def test_classify_reads_no_more_than_the_client_wants(service, monkeypatch):
    num_read = []

    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            num_read.append(len(num_read))
            buffer[:3] = b"la\n"
            return 3

    def stop(text, answer):
        raise BrokenPipeError

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless(), 3)))
    monkeypatch.setattr(module, "_choose_format", lambda args, labels: stop)
    assert main(["classify"]) == 0
    assert len(num_read) == READ_AHEAD + 1
    assert not service.clients[0].num_open_iterators


@pytest.fixture
def terminal(monkeypatch):
    """Makes standard input a terminal; returns the lines that were typed so far."""
    typed: list[str] = []

    class Keyboard(io.BytesIO):
        def readline(self, size=-1, /):
            line = super().readline(size)
            typed.append(line.decode(errors="replace"))
            return line

        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Keyboard(b"la\n\xff\nso\nfa\n")))
    return typed


def test_classify_typed_lines_are_answered_at_once(service, terminal, monkeypatch, capsys):
    num_typed = []
    service.answers = {"so": Overloaded(f"{URL}: full")}
    monkeypatch.setattr(
        module, "put_result", lambda line: num_typed.append((len(terminal), line[:5]))
    )
    assert main(["classify"]) == 2
    assert num_typed == [(1, "joy  "), (2, "error"), (3, "error"), (4, "joy  ")]
    assert capsys.readouterr().err.startswith(
        "lyric-emotion: type one text per line; Ctrl-D ends\nlyric-emotion: bad input: 1 of 4 texts"
    )


@pytest.mark.parametrize("num_lines", [0, 1], ids=["nothing", "one-line"])
def test_classify_unread_results_end_quietly(num_lines, service, monkeypatch, capsys):
    reader, writer = os.pipe()
    with open(reader, encoding="utf-8") as head, open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        answer = service.answer

        def answer_and_leave(text):
            if text == "so":
                head.close()
            return answer(text)

        monkeypatch.setattr(service, "answer", answer_and_leave)
        assert main(["classify", *["la"] * num_lines, "so", "fa"]) == 0
    assert capsys.readouterr().err == ""
    assert not service.clients[0].num_open_iterators


def test_classify_stopped_keeps_what_was_printed(service, capsys):
    service.answers = {"fa": KeyboardInterrupt()}
    assert main(["classify", *["la"] * (READ_AHEAD + 2), "fa", "so"]) == 0
    printed, errors = capsys.readouterr()
    assert len(printed.splitlines()) == READ_AHEAD + 2
    assert errors == "lyric-emotion: stopped\n"
    assert not service.clients[0].is_open
