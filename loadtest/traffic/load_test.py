"""A run from start to verdict, as one of Locust's processes sees it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import gevent
from emotion_client import EmotionError
from examples import DataError
from gevent.event import Event
from locust import LoadTestShape
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from text_mix import MixError
from verdict.document import build_json
from verdict.facts import describe_machine, describe_server
from verdict.page import build_page
from verdict.run import Run, conclude
from verdict.table import format_run

from traffic.generator import GeneratorLoad
from traffic.options import DEFAULT_URL, read_all_targets
from traffic.session import Session, now_s
from traffic.shapes import count_users
from traffic.texts import TextError, measure
from traffic.watch import ProcessLook, ServerLook, Watch

# Messages between a master and its workers.
FINISH, FINISHED = "emotion-finish", "emotion-finished"
FINISH_MARGIN_S = 5.0
SHAPE_SPAWN_RATE = 10_000
PROGRESS_INTERVAL_S = 5.0
MISSED, UNUSABLE = 1, 2


class Shape(LoadTestShape):
    """The shape that --shape names."""

    abstract = True
    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Returns the users of this moment, and how many may start a second."""
        options = self.runner.environment.parsed_options
        users = count_users(
            options.shape,
            elapsed_s=self.get_run_time(),
            run_time_s=options.run_time,
            peak=options.num_users or 1,
        )
        return None if users is None else (users, SHAPE_SPAWN_RATE)


class LoadTest:
    """This process's part in a run: a master or a lone process judges, a worker reports."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.options = environment.parsed_options
        self.is_worker = isinstance(environment.runner, WorkerRunner)
        self.is_judged = False
        self.process = ProcessLook()
        self.watches: list[Watch] = []
        self.workers: set[str] = set()
        self.reports: dict[str, list[float]] = {}  # worker to the processor time of its looks
        environment.is_over = Event()
        environment.session = None
        environment.stop_timeout = self.options.call_timeout + FINISH_MARGIN_S
        listen = environment.events
        listen.test_start.add_listener(self.start)
        listen.test_stopping.add_listener(self.finish)
        listen.test_stop.add_listener(self.judge)
        listen.quitting.add_listener(self.quit)
        if self.is_worker:
            environment.runner.register_message(FINISH, self.finish_worker, concurrent=True)
            listen.report_to_master.add_listener(self.report)
        elif isinstance(environment.runner, MasterRunner):
            environment.runner.register_message(FINISHED, self.receive_end)
            listen.worker_report.add_listener(self.receive)

    @property
    def url(self) -> str:
        """The server's gRPC address."""
        return self.environment.host or DEFAULT_URL

    def open(self) -> None:
        """Connects, and makes the texts.

        Raises:
            EmotionError: the server does not answer.
            DataError: the project's verses are not there.
            MixError: no lyrics can be made of them with this server's tokenizer.
            TextError: there are no texts.
        """
        if self.environment.session is not None:
            if self.environment.session.url == self.url:
                return
            self.environment.session.close()
            self.environment.session = None
        self.environment.session = Session(
            self.url,
            texts=self.options.texts,
            seed=self.options.seed + getattr(self.environment.runner, "worker_index", 0),
            timeout_s=self.options.call_timeout,
            batch_rows=self.options.batch_rows,
            fire=self.environment.events.request.fire,
        )

    def start(self, **_: Any) -> None:
        """Begins a run."""
        try:
            self.open()
        except (EmotionError, DataError, MixError, TextError) as error:
            complain(str(error))
            self.environment.process_exit_code = UNUSABLE
            gevent.spawn(self.environment.runner.quit)
            return
        session = self.environment.session
        session.samples.clear()
        self.environment.process_exit_code = None
        self.environment.is_over.clear()
        self.is_judged = False
        self.reports.clear()
        if isinstance(self.environment.runner, MasterRunner):
            self.workers = {client.id for client in self.environment.runner.clients.all}
        self.start_s = now_s()
        self.process, self.server = ProcessLook(), ServerLook(session.triton)
        looks: list[Callable[[], None]] = [self.process]
        if not self.is_worker:
            looks.append(self.server)
        self.watches = [Watch(look) for look in looks]
        for watch in self.watches:
            watch.start()
        if self.options.headless and not self.is_worker and not self.options.quiet:
            self.progress = gevent.spawn(self.report_progress)

    def report_progress(self) -> None:
        """Prints a line every few seconds."""
        stats = self.environment.stats.total
        while not self.environment.is_over.wait(PROGRESS_INTERVAL_S):
            say(
                f"{now_s() - self.start_s:.0f} s: {self.environment.runner.user_count} users, "
                f"{stats.total_rps:,.0f} calls/s, p99 "
                f"{stats.get_response_time_percentile(0.99):,.0f} ms, "
                f"{stats.num_failures:,} failed"
            )

    def finish(self, **_: Any) -> None:
        """Ends the calling; on a master, waits until every worker has sent its calls."""
        if self.environment.session is None or self.environment.is_over.is_set():
            return
        self.end_s = now_s()
        self.environment.is_over.set()
        if isinstance(self.environment.runner, MasterRunner):
            runner = self.environment.runner
            self.workers |= {client.id for client in runner.clients.all}
            runner.send_message(FINISH)
            deadline_s = now_s() + self.environment.stop_timeout + FINISH_MARGIN_S
            while now_s() < deadline_s and self.find_awaited():
                gevent.sleep(0.1)

    def find_awaited(self) -> set[str]:
        """Returns the workers that are there and have not sent their last calls."""
        present = {client.id for client in self.environment.runner.clients.all}
        return (self.workers & present) - self.reports.keys()

    def finish_worker(self, environment: Environment, **_: Any) -> None:
        """Ends a worker's calls, and sends what is not sent yet."""
        environment.runner.stop()
        calls = self.environment.session.samples.take() if self.environment.session else []
        data = {"calls": calls, "cpu_shares": self.process.cpu_shares}
        environment.runner.send_message(FINISHED, data)

    def report(self, data: dict[str, Any], **_: Any) -> None:
        """Gives a worker's calls to what it sends every few seconds."""
        if self.environment.session is not None:
            data["emotion-calls"] = self.environment.session.samples.take()

    def receive(self, data: dict[str, Any], **_: Any) -> None:
        """Takes a worker's calls."""
        if self.environment.session is not None:
            self.environment.session.samples.receive(data.pop("emotion-calls", []))

    def receive_end(self, msg: Any, **_: Any) -> None:
        """Takes a worker's last calls."""
        self.environment.session.samples.receive(msg.data["calls"])
        self.reports[msg.node_id] = msg.data["cpu_shares"]

    def judge(self, **_: Any) -> None:
        """Prints and writes what the run says."""
        if self.environment.session is None or self.is_judged:
            return
        self.is_judged = True
        for watch in self.watches:
            watch.stop()
        if self.is_worker:
            return
        run = self.conclude()
        folder = Path(self.options.report)
        try:
            (folder / "report.json").write_text(build_json(run), encoding="utf-8")
            (folder / "report.html").write_text(build_page(run), encoding="utf-8")
        except OSError as error:
            complain(f"cannot write the report: {error}")
            self.environment.process_exit_code = UNUSABLE
        if not self.options.quiet:
            print(*format_run(run), f"report: {folder / 'report.html'} (and .json)", sep="\n")
        if run.problem:
            complain(run.problem)
        if self.environment.process_exit_code is None:
            code = UNUSABLE if run.problem else MISSED if not run.is_met else 0
            self.environment.process_exit_code = code

    def conclude(self) -> Run:
        """Measures and judges the run that ended."""
        session = self.environment.session
        reports = self.reports or {"": self.process.cpu_shares}
        busiest = max((median(shares) for shares in reports.values() if shares), default=0.0)
        return conclude(
            session.samples.read(),
            start_s=self.start_s,
            end_s=self.end_s,
            warm_up_s=self.options.warm_up,
            polls=self.server.polls,
            generator=GeneratorLoad(cpu_share=busiest, num_processes=len(reports)),
            loss=self.find_loss(),
            targets=read_all_targets(self.options),
            facts=self.collect_facts(),
        )

    def find_loss(self) -> str | None:
        """Returns why calls of workers are missing; None where none are."""
        missing = self.workers - self.reports.keys()
        if not missing:
            return None
        return (
            f"{len(missing)} of {len(self.workers)} workers did not send all their calls: they "
            "failed or were lost; see their output"
        )

    def collect_facts(self) -> dict[str, str]:
        """Returns what ran on what."""
        session = self.environment.session
        classes = ", ".join(each.__name__ for each in self.environment.user_classes)
        lengths = measure(session.info, session.texts)
        try:
            server = describe_server(session.triton, url=session.url, info=session.info)
        except EmotionError as error:
            server = {"server": str(error)}
        return {
            "load": f"{classes}, at most {self.environment.runner.target_user_count} users, "
            f"{self.options.shape or 'no'} shape, {self.end_s - self.start_s:.0f} s",
            "texts": f"{self.options.texts or 'lyrics made of data/verses.jsonl'}: "
            f"{len(session.texts):,}, tokens p10 {lengths.p10:.0f}, p50 {lengths.p50:.0f}, "
            f"p90 {lengths.p90:.0f}, mean {lengths.mean:.0f}",
            **server,
            **describe_machine(),
        }

    def quit(self, **_: Any) -> None:
        """Keeps a Ctrl-C from being judged."""
        if self.environment.process_exit_code is None and not self.is_judged:
            self.is_judged = True
            self.environment.process_exit_code = 0


def complain(sentence: str) -> None:
    """Prints one sentence of what is wrong."""
    print(f"loadtest: {sentence}", file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Prints one line of progress."""
    print(f"loadtest: {line}", flush=True)
