"""Locust's page, alone or with workers: a run that cannot be made stops, and the next works."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from urllib.error import URLError

import pytest
from conftest import find_free_port
from e2e.serve_process import serve
from emotion_command.checkout import ROOT

LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
TIMEOUT_S = 60


class Page:
    """Locust's page as its browser uses it, in the process or one with workers.

    Args:
        stack: ends the processes.
        host: --host.
        folder: for reports and output; where it runs.
        num_workers: 0 runs without; with workers, the texts are those of songs.txt.
        worker_folder: where these run.
    """

    def __init__(self, stack, *, host, folder, num_workers=0, worker_folder=None):
        self._url = f"http://127.0.0.1:{(port := find_free_port())}"
        self.errors = folder / "errors"
        master = find_free_port()
        options = [f"--web-port={port}", f"--host={host}", f"--report={folder}"]
        if num_workers:
            options += ["--master", f"--master-bind-port={master}", "--texts=songs.txt"]
        self.process = stack.enter_context(run_locust(self.errors, *options, folder=folder))
        self.workers = [
            stack.enter_context(
                run_locust(
                    folder / f"worker-{i}",
                    "--worker",
                    f"--master-port={master}",
                    folder=worker_folder,
                )
            )
            for i in range(num_workers)
        ]
        self.wait_until(lambda: self.read()["state"] == "ready" and self.are_workers_ready())

    def read(self):
        """Returns what the page shows; nothing while it is not there."""
        try:
            return self._get("/stats/requests")
        except URLError:
            return {"state": "absent"}

    def are_workers_ready(self):
        """Returns whether all workers are there, and ready for a run."""
        found = self.read().get("workers", [])
        return [each["state"] for each in found] == ["ready"] * len(self.workers)

    def start(self, host, **more):
        form = {"user_count": 2, "spawn_rate": 2, "host": host, **more}
        assert self._get("/swarm", form)["success"]

    def stop(self):
        self._get("/stop", {"from": "page"})

    def sentences(self):
        """Returns what the page's list of exceptions shows."""
        return [each["msg"] for each in self._get("/exceptions")["exceptions"]]

    def check_refused(self, words):
        """Checks that the run has ended with a sentence, on the page and on standard error."""
        # The sentence of the run before stays for a moment.
        self.wait_until(lambda: [words in each for each in self.sentences()] == [True])
        self.wait_until(lambda: self.read()["state"] == "stopped")
        (sentence,) = self.sentences()
        assert self.read()["user_count"] == 0
        assert f"loadtest: {sentence}\n" in self.errors.read_text()

    def check_runs(self):
        """Checks that calls are answered, and ends the run."""
        self.wait_until(lambda: self.read()["stats"][0]["num_requests"] > 10)
        assert self.sentences() == []
        self.stop()
        self.wait_until(lambda: self.read()["state"] == "stopped" and self.are_workers_ready())

    def wait_until(self, is_done):
        deadline = time.monotonic() + TIMEOUT_S
        while not is_done():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline, (self.read(), self.errors.read_text())
            time.sleep(0.1)

    def _get(self, path, form=None):
        data = urllib.parse.urlencode(form).encode() if form else None
        with urllib.request.urlopen(self._url + path, data, timeout=TIMEOUT_S) as answer:
            return json.loads(answer.read())


@contextmanager
def run_locust(errors, *options, folder):
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *options]
    with errors.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def test_page_stops_a_run_that_cannot_be_made_and_makes_the_next(server, tmp_path):
    url = server.address.url
    with ExitStack() as stack:
        page = Page(stack, host=f"http://{url}", folder=tmp_path)
        page.start(f"https://{url}")
        page.check_refused("the load test has no TLS")
        page.start("127.0.0.1:9")
        page.check_refused("127.0.0.1:9: ")
        page.start(url, run_time="3s")
        page.check_refused("a run of 3 s leaves too little")
        page.start(f"http://{url}")
        page.check_runs()
        assert "Traceback" not in page.errors.read_text()


def test_page_alone_stops_a_start_while_the_server_is_away(tmp_path):
    with ExitStack() as stack:
        running = stack.enter_context(serve())
        running.wait_until_ready()
        page = Page(stack, host=running.url, folder=tmp_path)
        assert running.stop() == 0
        page.start(running.url)
        page.check_refused(f"{running.url}: ")


@pytest.mark.long
def test_workers_survive_starts_that_cannot_be_made(tmp_path):
    (tmp_path / "songs.txt").write_text("I love you\n")
    theirs = tmp_path / "worker"
    theirs.mkdir()
    with ExitStack() as stack:
        running = stack.enter_context(serve())
        running.wait_until_ready()
        page = Page(stack, host=running.url, folder=tmp_path, num_workers=2, worker_folder=theirs)
        page.start(f"https://{running.url}")
        page.check_refused("the load test has no TLS")
        with stopped(running.process.pid, running.door_pid()):  # serve.py would replace the door
            page.start(running.url)
            page.check_refused(f"{running.url}: ")
        page.wait_until(page.are_workers_ready)
        page.start(running.url)
        page.check_refused("songs.txt")  # the workers' folder has no such file
        page.wait_until(lambda: page.errors.read_text().count("reported as ready") == 4)
        (theirs / "songs.txt").write_text("I love you\n")
        page.start(running.url)
        page.check_runs()
        assert all(worker.poll() is None for worker in page.workers)


@contextmanager
def stopped(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_headless_run_takes_the_scheme_that_locusts_users_write(server, tmp_path):
    assert run_headless(f"--host=http://{server.address.url}", folder=tmp_path) == (0, "")
    code, errors = run_headless("--host=https://h:1", folder=tmp_path)
    assert (code, errors.count("\n")) == (2, 1)
    assert errors.startswith("loadtest: --host is 'https://h:1'; ")


@pytest.mark.parametrize("users", [1, 200])
def test_headless_run_that_ends_with_its_warm_up_is_refused(users, server, tmp_path):
    code, errors = run_headless(
        f"--host={server.address.url}", f"--users={users}", "--run-time=3s", folder=tmp_path
    )
    assert (code, errors) == (
        2,
        "loadtest: a run of 3 s leaves too little after 3 s of warm-up; make it 4 s or longer, or "
        "shorten --warm-up\n",
    )


def run_headless(*options, folder):
    load = ["--users=2", "--run-time=2s", "--warm-up=0"] if len(options) == 1 else []
    quiet = ["--headless", "--only-summary", "--loglevel=WARNING", f"--report={folder}", "--quiet"]
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *quiet, *load, *options]
    done = subprocess.run(
        [*command, f"--json-file={folder / 'summary'}"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stderr
