"""The command `lyric-emotion` in its own process, against the real Triton."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

COMMAND = [sys.executable, "-m", "emotion_client.cli"]
DEAD = "--url=127.0.0.1:1"
# Written for this test.
SONG = """[Verse 1]
The chair you liked still faces the window, and I weep alone
I water the plant that you left and it dies all the same

[Chorus] (x2)
Oh, come closer, love, the night is small
I love you, darling, you are all it holds

[Bridge]
You liar, I hate the way you laughed, get out of my house
I slam the door so hard the pictures jump

[Chorus]
"""


def run(*arguments, stdin=b"", **options):
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=60, **options
    )


@pytest.fixture
def url(server):
    return f"--url={server.address.url}"


def test_classify_arguments_are_rows(url):
    done = run("classify", url, "I adore you", "Get out of my house, you liar!")
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = done.stdout.decode().splitlines()
    assert re.fullmatch(r"love      0\.\d\d  █+ +I adore you", first)
    assert re.fullmatch(r"anger     0\.\d\d  █+ +Get out of my house, you liar!", second)


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_classify_lines_have_the_answers_of_the_client(source, url, client, tmp_path):
    texts = ["I adore you", "", "Ніч тиха", *[f"verse {i}, rain on the roof" for i in range(500)]]
    content = "\r\n".join(texts).encode()
    file = tmp_path / "verses.txt"
    file.write_bytes(content)
    options = ["--file", str(file)] if source == "file" else []
    done = run(
        "classify", url, "--json", "--with-text", *options, stdin=b"" if options else content
    )
    assert (done.returncode, done.stderr) == (0, b"")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records] == texts
    assert [record["line"] for record in records] == [i + 1 for i in range(len(texts))]
    assert {record["file"] for record in records} == {str(file) if options else "-"}
    for text, record in list(zip(texts, records, strict=True))[:4]:
        expected = client.predict(text)
        assert (record["label"], record["num_tokens"]) == (expected.label, expected.num_tokens)
        assert record["confidence"] == pytest.approx(expected.confidence, abs=2e-2)
        assert record["revision"] == expected.revision
        assert list(record["scores"]) == list(expected.scores)


def test_classify_bad_texts_are_errors_and_others_go_on(url, tmp_path):
    file = tmp_path / "verses.txt"
    file.write_bytes(b"la la\nsecret \xff\nso so\n")
    done = run("classify", url, "--json", "--file", str(file))
    assert done.returncode == 2
    good, bad, last = map(json.loads, done.stdout.splitlines())
    assert (bad["position"], bad["line"], bad["error"]) == (1, 2, "InvalidInput")
    assert bad["message"] == f"{file}: line 2: byte 0xff at offset 7 of the line is not UTF-8"
    assert "label" in good
    assert "label" in last
    assert done.stderr.startswith(b"lyric-emotion: bad input: 1 of 3 texts; the first: ")
    assert b"secret" not in done.stdout + done.stderr


def test_classify_argument_that_is_not_utf8_is_an_error(url):
    done = run("classify", url, "la", b"secret \xff")
    assert done.returncode == 2
    assert b"lone surrogate U+DCFF at position 7" in done.stdout.splitlines()[1]
    assert b"secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["classify", "la"], ["info"], ["ready"]], ids=" ".join)
def test_no_server_is_one_sentence(command):
    done = run(*command, DEAD)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"lyric-emotion: 127.0.0.1:1: ")
    assert done.stderr.count(b"\n") == 1


def test_classify_unread_results_end_quietly(url):
    classify = [*COMMAND, "classify", url, *["la la"] * 1000]
    with subprocess.Popen(classify, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_classify_stopped_midway_ends_soon_with_whole_lines(number, url):
    classify = [*COMMAND, "classify", url, "--json"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(classify, **pipes) as process:
        feeder = Thread(target=feed, args=(process.stdin,))
        feeder.start()
        assert json.loads(process.stdout.readline())["position"] == 0
        process.send_signal(number)
        start = time.monotonic()
        rest = process.stdout.read()
        assert process.wait(30) == 0
        assert time.monotonic() - start < 10
        assert process.stderr.read() == b"lyric-emotion: stopped\n"
        feeder.join()
    assert not rest or rest.endswith(b"\n")
    positions = [json.loads(line)["position"] for line in rest.splitlines()]
    assert positions == list(range(1, len(positions) + 1))


def feed(stream):
    with suppress(BrokenPipeError), stream:
        while True:
            stream.write(b"rain on the roof\n" * 100)


def test_classify_typed_lines_are_answered_one_by_one(url):
    keyboard, terminal = os.openpty()
    classify = [*COMMAND, "classify", url]
    with subprocess.Popen(
        classify, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.close(terminal)
        assert process.stderr.readline() == b"lyric-emotion: type one text per line; Ctrl-D ends\n"
        for _ in range(2):
            os.write(keyboard, b"I adore you\n")
            assert process.stdout.readline().startswith(b"love ")
        os.write(keyboard, b"\x04")
        assert process.wait(30) == 0
        assert process.stdout.read() + process.stderr.read() == b""
    os.close(keyboard)


def test_song_is_a_table_and_a_picture(url, tmp_path):
    song, plot = tmp_path / "song.txt", tmp_path / "arc.png"
    song.write_text(SONG)
    done = run("song", url, str(song), "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    head, blank, *rows = done.stdout.decode().splitlines()
    assert re.fullmatch(r"love  0\.\d\d  4 parts, \d+ tokens", head)
    assert blank == ""
    assert [row.split()[0] for row in rows] == ["Verse", "Chorus", "Bridge", "Chorus"]
    assert re.match(r"Verse 1      sadness   0\.\d\d  █+ +The chair you liked", rows[0])
    assert re.match(r"Chorus   x2  love      0\.\d\d  █+ +Oh, come closer, love", rows[1])
    assert rows[2].split()[1] == "anger"
    assert done.stderr.decode() == f"lyric-emotion: wrote {plot}\n"
    assert plot.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert plot.stat().st_size > 10_000


def test_song_json_has_the_answer_of_the_client(url, client):
    done = run("song", url, "--json", "-", stdin=SONG.encode())
    assert (done.returncode, done.stderr) == (0, b"")
    record = json.loads(done.stdout)
    expected = client.predict_song(SONG)
    assert (record["label"], record["num_tokens"]) == (expected.label, expected.num_tokens)
    assert record["confidence"] == pytest.approx(expected.confidence, abs=2e-2)
    places = [(part["name"], part["repeats"], part["start"]) for part in record["parts"]]
    assert places == [(part.name, part.repeats, part.start) for part in expected.parts]


def test_info_has_what_the_client_reads(url, server, client):
    info = client.connect()
    record = json.loads(run("info", url, "--json").stdout)
    assert record == {
        "address": server.address.url,
        "labels": list(info.labels),
        "max_length": info.max_length,
        "problem_type": info.problem_type,
        "revision": info.revision,
        "protocol": 1,
    }
    assert info.revision in run("info", url).stdout.decode()


def test_ready_server_answers(url, server):
    done = run("ready", url)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"{server.address.url} answers\n"


def test_console_script_runs(url):
    script = Path(sys.executable).with_name("lyric-emotion")
    done = subprocess.run([script, "classify", url, "I adore you"], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"love ")
