"""The commands where people run them: each works, or says in one sentence what is missing.

The environments come from public reports about Triton's Python backend, gRPC and Locust.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import with_checkpoint
from e2e.serve_process import serve
from emotion_client import EmotionClient
from emotion_command.checkout import ROOT

ODD_NAME = "it's a förest"
MAX_S = 10  # for a refusal
NOBODY = (
    "exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search "
    '--ambient-caps=+dac_read_search env -i "$@"'
)
# How a shell starts a command.
ENVIRONMENTS = {
    "another-folder": 'cd / && exec "$@"',
    "no-home": 'unset HOME; exec "$@"',
    "locale-c": 'LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 exec "$@"',
    "no-variables": 'exec env -i "$@"',
    "another-user": NOBODY,
    "few-files": 'ulimit -n 64; exec "$@"',
    "no-input": 'exec "$@" <&-',
    "no-output": 'exec "$@" >&-',
    "no-errors": 'exec "$@" 2>&-',
    "no-streams": 'exec "$@" <&- >&- 2>&-',
    "full-disk": 'exec "$@" >/dev/full',
    "full-disk-for-errors": 'exec "$@" 2>/dev/full',
    "no-reader": 'exec "$@" > >(:)',
    "no-reader-of-errors": 'exec "$@" 2> >(:)',
}
COMMANDS = {
    "healthcheck": ["scripts/healthcheck.py", "--url={url}"],
    "classify": [".venv/bin/lyric-emotion", "classify", "--url={url}", "I love you"],
    "evaluate": ["scripts/evaluate.py", "{data}", "--url={url}", "--output={folder}/evaluation"],
    "train": ["scripts/train.py", "--train={data}", "--output={folder}/trained", "--epochs=1"],
    "prepare": ["scripts/prepare_model.py", "--output={folder}/prepared"],
    "loadtest": [
        "loadtest/run.py",
        "--url={url}",
        "--seconds=2",
        "--warm-up=0",
        "--users=2",
        "--targets=",
        "--report={folder}/report",
    ],
}
EXIT_CODES = {  # of those that print results, where these cannot be written
    ("classify", "full-disk"): 2,
    ("evaluate", "full-disk"): 2,
    ("train", "full-disk"): 2,
    ("loadtest", "full-disk"): 2,
}
QUICK = ("healthcheck", "classify")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def mark(name, *, quick):
    """Returns a test's parameter: long unless it is quick, and for root where it must be."""
    marks = [needs_root] if name == "another-user" else []
    return pytest.param(name, marks=[*marks, *([] if name in quick else [pytest.mark.long])])


def start(environment, command, **streams):
    script = ENVIRONMENTS[environment]
    return subprocess.Popen(
        ["bash", "-c", script, "bash", *map(str, command)], text=True, errors="replace", **streams
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    labels = ["anger", "fear", "joy", "love", "sadness", "surprise"]
    rows = [f"a song of {label} {i},{label}" for label in labels for i in range(3)]
    path = tmp_path_factory.mktemp("data") / "data.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


@pytest.fixture
def folder():
    """A folder that any user may write."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o777)
        yield path


@pytest.mark.parametrize("environment", [mark(each, quick=ENVIRONMENTS) for each in ENVIRONMENTS])
@pytest.mark.parametrize("name", [mark(each, quick=QUICK) for each in COMMANDS])
def test_command_works_or_says_what_is_missing(name, environment, server, data, folder):
    options = [
        each.format(url=server.address.url, data=data, folder=folder) for each in COMMANDS[name]
    ]
    command = [ROOT / options[0], *options[1:]]
    if options[0].endswith(".py"):
        command = [sys.executable, *command]
    elif not command[0].exists():
        command = [Path(sys.executable).with_name("lyric-emotion"), *command[1:]]
    process = start(environment, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate(timeout=120)
    expected = EXIT_CODES.get((name, environment), 0)
    assert process.returncode == expected, errors
    assert "Traceback" not in output + errors
    assert "Exception ignored" not in errors
    if expected:
        assert errors.splitlines()[-1].endswith("standard output: No space left on device")


@pytest.fixture
def odd_repository(default_repository, tmp_path):
    return with_checkpoint(default_repository, target=tmp_path / ODD_NAME / "repository")


def test_serve_in_a_path_with_blank_apostrophe_and_foreign_letter(odd_repository, monkeypatch):
    place = odd_repository.parent / "temporary"
    place.mkdir()
    for name, value in {"TMPDIR": str(place), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(odd_repository.parent)
    with serve("--model-repository=repository") as running:
        check_answers(running)


@pytest.mark.parametrize(
    "environment",
    [
        mark(each, quick=("another-user", "no-streams"))
        for each in ENVIRONMENTS
        if each != "few-files"
    ],
)
def test_serve_serves_whatever_becomes_of_its_lines(environment):
    with ExitStack() as stack:
        ports = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        http, grpc, metrics = (each.getsockname()[1] for each in ports)
    options = [f"--http-port={http}", f"--grpc-port={grpc}", f"--metrics-port={metrics}"]
    command = [sys.executable, ROOT / "scripts" / "serve.py", "--verbose", *options]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = start(environment, command, stdout=output, stderr=errors)
        try:
            with EmotionClient(f"127.0.0.1:{grpc}", timeout_s=60) as client:
                wait_for_server(client, process)
                assert client.predict("I love you").label == "love"
        finally:
            process.terminate()
            process.wait(60)
        errors.seek(0)
        assert process.returncode == 0, errors.read()
        errors.seek(0)
        assert "Traceback" not in errors.read()


@pytest.mark.parametrize(
    ("environment", "options", "words"),
    [
        ("few-files", [], "at most 64 files may be open here, and Triton needs 256"),
        ("no-variables", ["--model-repository=/nowhere"], "/nowhere/emotion/config.pbtxt is miss"),
        pytest.param(
            "another-user",
            ["--grpc-port=1"],
            "cannot listen on 127.0.0.1:1: Permission denied",
            marks=needs_root,
        ),
    ],
)
def test_serve_says_soon_what_is_missing(environment, options, words):
    command = [sys.executable, ROOT / "scripts" / "serve.py", "--http-port=0", "--metrics-port=0"]
    process = start(
        environment,
        [*command, "--grpc-port=0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, errors = process.communicate(timeout=MAX_S)
    assert process.returncode == 2
    assert errors.startswith(f"serve: {words}" if words.startswith("/") else "serve: ")
    assert words in errors
    assert errors.count("\n") == 1


@needs_root
def test_every_command_finds_the_live_one_of_a_names_addresses(server, tmp_path):
    port = server.address.grpc_port
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 fleet\n127.0.0.2 fleet\n127.0.0.3 fleet\n127.0.0.1 fleet localhost\n")
    with socket.create_server(("127.0.0.2", port)):  # takes connections, and says nothing
        for name in ("healthcheck", "classify", "loadtest"):
            options = [each.format(url=f"fleet:{port}", folder=tmp_path) for each in COMMANDS[name]]
            own_names = f'mount --bind {hosts} /etc/hosts && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", own_names, "sh", sys.executable]
            if name == "classify":
                options[0] = Path(sys.executable).with_name("lyric-emotion")
            done = subprocess.run(
                [*command, ROOT / options[0], *options[1:]],
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""


@pytest.mark.long
def test_clone_in_an_odd_path_serves(tmp_path):
    clone = tmp_path / ODD_NAME
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run(["make", "demo"], cwd=clone, check=True, env=without_make(), timeout=600)
    for script in ("scripts/evaluate.py", "loadtest/run.py", "benchmarks/engine.py"):
        command = [clone / ".venv" / "bin" / "python", clone / script, "--help"]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)
    shutil.rmtree(clone)


def without_make():
    """Returns the environment without the variables of an outer make."""
    return {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}


def check_answers(running):
    running.wait_until_ready()
    with EmotionClient(running.url) as client:
        assert client.predict("I love you").label == "love"
    assert running.stop() == 0
    assert running.errors.read_text() == "serve: stopped\n"


def wait_for_server(client, process):
    while not client.is_ready():
        assert process.poll() is None
