"""A run from start to verdict, as one of Locust's processes sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import gevent
from emotion_client import EmotionError
from emotion_client.client import DEFAULT_URL
from emotion_command.errors import Refusal
from emotion_command.open_files import allow_open_files
from emotion_command.output import put
from emotion_command.runner import Command
from gevent.event import Event
from locust import LoadTestShape
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner, WorkerRunner

from emotion_loadtest.arrivals import count_users
from emotion_loadtest.options import check_seconds, read_all_targets, read_host
from emotion_loadtest.report import build_json, build_page, format_run, make_folder
from emotion_loadtest.server import find_machine_facts, find_server_facts
from emotion_loadtest.session import Session, now_s
from emotion_loadtest.texts import count_with, measure_lengths
from emotion_loadtest.verdict import GeneratorLoad, Run, conclude
from emotion_loadtest.watch import ProcessLook, ServerLook, Watch

COMMAND = Command("loadtest")
# Messages between a master and its workers.
FINISH, FINISHED, REFUSED = "emotion-finish", "emotion-finished", "emotion-refused"
FINISH_MARGIN_S = 5.0
SHAPE_SPAWN_RATE = 10_000
PROGRESS_INTERVAL_S = 5.0
MIN_OPEN_FILES = 64
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
        self.is_refused = False
        self.start_s = 0.0  # Unix time; 0 before a run has begun
        self.starter: gevent.Greenlet | None = None
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
            environment.runner.register_message(REFUSED, self.receive_refusal)
            listen.worker_report.add_listener(self.receive)

    @property
    def url(self) -> str:
        """The server's gRPC address."""
        return read_host(self.environment.host or DEFAULT_URL)

    def prepare(self) -> None:
        """Checks the options and opens the session; a worker does so when the run starts.

        Raises:
            EmotionError: the server does not answer.
            Refusal: the options are wrong, there are no texts, the report cannot be written, or
                too few files may be open.
        """
        allow_open_files(MIN_OPEN_FILES, use="a load test")
        if self.is_worker:
            return
        if self.options.shape:
            if not self.options.run_time:
                raise Refusal("--shape needs --run-time")
            self.environment.shape_class = Shape()
            self.environment.shape_class.runner = self.environment.runner
        make_folder(Path(self.options.report))
        check_seconds(self.options)
        self.open()

    def open(self) -> None:
        """Connects, and makes the texts.

        Raises:
            EmotionError: the server does not answer.
            Refusal: there are no texts, or no lyrics can be made for this server's tokenizer.
        """
        if self.environment.session is not None:
            if self.environment.session.url == self.url:
                if not self.options.headless:  # it may have been opened long ago
                    self.environment.session.check()
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
        """Begins a run, or says why there is none."""
        self.is_refused, self.starter, self.start_s = False, gevent.getcurrent(), 0.0
        try:
            if not self.is_worker:
                self.check_seconds()
            self.open()
        except (EmotionError, Refusal) as error:
            if self.is_worker:  # its users find no session, and end
                self.environment.stop_timeout = 0  # soon ready for the next run
                self.environment.runner.send_message(REFUSED, str(error))
                return
            self.refuse(str(error))
            raise gevent.GreenletExit from error  # starts no users
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

    def check_seconds(self) -> None:
        """Checks the length of a run that was started on the page."""
        try:
            check_seconds(self.options)
        except Refusal:
            self.options.run_time = None  # Locust would keep it for runs without a length
            raise

    def refuse(self, sentence: str) -> None:
        """Ends a run that cannot be made; with a page, the next one can be started there."""
        if self.is_refused:
            return
        self.is_refused = True
        runner = self.environment.runner
        COMMAND.complain(sentence)
        runner.log_exception("load test", sentence, "")  # on the page
        self.environment.process_exit_code = UNUSABLE
        for watch in self.watches:
            watch.stop()
        if runner.state == STATE_INIT:
            runner.update_state(STATE_STOPPED)  # else the page shows the form, not the sentence
        gevent.spawn(runner.quit if self.options.headless else runner.stop)

    def receive_refusal(self, msg: Any, **_: Any) -> None:
        """Ends the run that a worker cannot take part in."""
        if self.starter is not None:
            self.starter.kill()  # it would start more users
        self.refuse(f"worker {msg.node_id}: {msg.data}")

    def report_progress(self) -> None:
        """Prints a line every few seconds."""
        stats = self.environment.stats.total
        while not self.environment.is_over.wait(PROGRESS_INTERVAL_S):
            COMMAND.say(
                f"{now_s() - self.start_s:.0f} s: {self.environment.runner.user_count} users, "
                f"{stats.total_rps:,.0f} calls/s, p99 "
                f"{stats.get_response_time_percentile(0.99):,.0f} ms, "
                f"{stats.num_failures:,} failed"
            )

    def finish(self, **_: Any) -> None:
        """Ends the calls; on a master, waits until every worker has sent its own."""
        if not self.start_s or self.environment.is_over.is_set():
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
        """Ends a worker's calls and sends those that are not sent yet."""
        environment.runner.stop()
        environment.stop_timeout = 0  # there are no calls left that Locust need wait for
        calls = self.environment.session.samples.take() if self.environment.session else []
        data = {"calls": calls, "cpu_shares": self.process.cpu_shares}
        environment.runner.send_message(FINISHED, data)

    def report(self, data: dict[str, Any], **_: Any) -> None:
        """Adds a worker's calls to what it sends every few seconds."""
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
        """Prints and writes the report, and sets the exit code."""
        if not self.start_s or self.is_judged or self.is_refused:
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
            COMMAND.complain(f"cannot write the report: {error}")
            self.environment.process_exit_code = UNUSABLE
        if not self.options.quiet:
            put("\n".join([*format_run(run), f"report: {folder / 'report.html'} (and .json)"]))
            if COMMAND.report_loss():
                self.environment.process_exit_code = UNUSABLE
        if run.problem:
            COMMAND.complain(run.problem)
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
        num_tokens = count_with(session.info.tokenizer)(session.texts)
        lengths = measure_lengths(num_tokens, limit=session.info.max_length)
        try:
            server = find_server_facts(session.triton, url=session.url, info=session.info)
        except EmotionError as error:
            server = {"server": str(error)}
        return {
            "load": f"{classes}, at most {self.environment.runner.target_user_count} users, "
            f"{self.options.shape or 'no'} shape, {self.end_s - self.start_s:.0f} s",
            "texts": f"{self.options.texts or 'lyrics made of data/verses.jsonl'}: "
            f"{len(session.texts):,}, tokens p10 {lengths.p10:.0f}, p50 {lengths.p50:.0f}, "
            f"p90 {lengths.p90:.0f}, mean {lengths.mean:.0f}",
            **server,
            **find_machine_facts(),
        }

    def quit(self, **_: Any) -> None:
        """Makes a run that Ctrl-C stopped end without a verdict."""
        if self.environment.process_exit_code is None and not self.is_judged:
            self.is_judged = True
            self.environment.process_exit_code = 0
