"""The whole of what is served: Triton, and the door in front of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from emotion_client.channel import open_triton
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from emotion_server.address import FREE_PORTS, Address, claim_ports
from emotion_server.door_process import MAX_WAIT_S, DoorProcess
from emotion_server.errors import StartError
from emotion_server.pulse import Pulse
from emotion_server.triton_server import TritonServer

CHECK_INTERVAL_S = 0.1
DOOR_TIMEOUT_S, READY_TIMEOUT_S = 15.0, 1.0
# Beyond so many restarts in so many seconds, something is wrong that a restart does not cure.
MAX_RESTARTS, RESTARTS_WINDOW_S = 5, 300.0
MAX_PAUSE_S = 8.0
NUM_TRIES = 3


@dataclass
class Service:
    """Triton behind its door, as a context manager: ready inside; stopped afterwards.

    Args:
        repository: the model repository to serve.
        address: where callers connect.
        is_verbose: forward all of Triton's log to standard error, not only errors.
        admin_key: opens the administrative calls (see `admin_calls`); "" locks them.
        has_summaries: as of `TritonServer`.
        max_wait_s: the longest that a request waits for its turn; beyond it, it is refused.
        report: gets lines of progress while Triton starts.

    Raises:
        StartError: on entering, if it does not become ready.
    """

    repository: Path
    address: Address = field(default=Address(), kw_only=True)
    is_verbose: bool = field(default=False, kw_only=True)
    admin_key: str = field(default="", kw_only=True, repr=False)
    has_summaries: bool = field(default=False, kw_only=True)
    max_wait_s: float = field(default=MAX_WAIT_S, kw_only=True)
    report: Callable[[str], None] = field(default=lambda _: None, kw_only=True)

    def __enter__(self) -> Service:
        wanted, self.address = self.address, claim_ports(self.address)
        self.triton = self._build_triton()
        self._stack = ExitStack()
        self._pulses: list[Pulse] = []
        self._door_pulse: Pulse | None = None
        try:
            self.triton.__enter__()
            self._stack.callback(self._stop_triton)
            self._open_door(wanted)
        except BaseException:
            self._stack.close()
            raise
        return self

    def _open_door(self, wanted: Address) -> None:
        """Opens the door; at other free ports, if another process has taken those meanwhile."""
        is_free = 0 in (wanted.http_port, wanted.grpc_port, wanted.metrics_port)
        for num_left in reversed(range(NUM_TRIES if is_free else 1)):
            self.door = DoorProcess(
                self.address,
                self.triton.address,
                max_wait_s=self.max_wait_s,
                admin_key=self.admin_key,
            )
            with ExitStack() as stack:
                stack.enter_context(self.door)
                try:
                    self._wait_for_door()
                except StartError:
                    if not num_left:
                        raise
                else:
                    self._stack.push(stack.pop_all())
                    return
            self.address = claim_ports(wanted)

    def __exit__(self, *_: object) -> None:
        if self._door_pulse is not None:
            self._door_pulse.stop()
        self._stack.close()

    def reload(self, *, complain: Callable[[str], None]) -> None:
        """Serves what the repository holds now, if it answers; no call fails.

        A second Triton loads it beside the first one, and the door switches to it.

        Args:
            complain: gets a sentence if what is served stays the old.
        """
        start = time.monotonic()
        self.report("loading the model repository again")
        try:
            fresh = self._build_triton(check=self._refuse_death)
            fresh.__enter__()
        except (StartError, OSError, RuntimeError) as error:
            complain(f"{error}; still serving what was served before")
            return
        old, pulses = self.triton, self._pulses
        self.triton = fresh
        try:
            self.door.switch(fresh.address)
            self._watch_models()
        finally:
            for pulse in pulses:
                pulse.stop()
            old.stop()
        self.report(f"switched after {time.monotonic() - start:.1f} s")

    def supervise(
        self,
        complain: Callable[[str], None],
        check_interruption: Callable[[], None],
        *,
        is_reload_wanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Replaces what dies or hangs; returns when that does not help any more.

        Args:
            complain: gets a sentence on each death.
            check_interruption: called often; raises KeyboardInterrupt after a Ctrl-C or SIGTERM
                that Python discarded.
            is_reload_wanted: called often; whether to serve what the repository holds now.
        """
        restarts: deque[float] = deque()
        self._watch_models()
        self._watch_door()
        while True:
            time.sleep(CHECK_INTERVAL_S)
            check_interruption()
            reason = self._find_reason()
            if reason is None:
                if is_reload_wanted():
                    self.reload(complain=complain)
                continue
            while restarts and time.monotonic() - restarts[0] > RESTARTS_WINDOW_S:
                restarts.popleft()
            if len(restarts) >= MAX_RESTARTS:
                complain(
                    f"{reason}; {MAX_RESTARTS} restarts in {RESTARTS_WINDOW_S:.0f} s did not help"
                )
                return
            complain(f"{reason}; restarting")
            restarts.append(time.monotonic())
            self._restart(num_before=len(restarts) - 1, complain=complain)

    def _refuse_death(self) -> None:
        """Gives up a reload during which something died; it must be replaced first."""
        reason = self._find_reason()
        if reason is not None:
            raise StartError(f"{reason} meanwhile")

    def _build_triton(self, *, check: Callable[[], None] = lambda: None) -> TritonServer:
        return TritonServer(
            self.repository,
            address=claim_ports(FREE_PORTS),
            is_verbose=self.is_verbose,
            admin_key=self.admin_key,
            has_summaries=self.has_summaries,
            report=self.report,
            check=check,
        )

    def _find_reason(self) -> str | None:
        """Returns why something must be replaced, if so."""
        if not self.door.is_running():
            return f"the door ended with {self.door.describe_exit()}"
        if self._door_pulse is not None and self._door_pulse.is_hung():
            self.door.kill()
            return "the door hangs"
        if not self.triton.is_running():
            return f"Triton died: {self.triton.describe_exit()}"
        dead = self.triton.find_dead_model()
        if dead is not None:
            return f"the process of {dead} died"
        for pulse in self._pulses:
            if pulse.is_hung():
                return f"{pulse.model} hangs"
        return None

    def _restart(self, *, num_before: int, complain: Callable[[str], None]) -> None:
        start = time.monotonic()
        if not self.door.is_running():
            self.door.kill()
            self.door.start()
            self._watch_door()
            self.report("the door is started again")
            return
        self._stop_triton(is_broken=True)
        if num_before:
            time.sleep(min(MAX_PAUSE_S, 2.0 ** (num_before - 1)))
        try:
            self.triton.__enter__()
        except StartError as error:
            complain(str(error))
            return
        self._watch_models()
        self.report(f"Triton is back after {time.monotonic() - start:.1f} s")

    def _watch_models(self) -> None:
        url = self.triton.address.url
        models = self.triton.models.items()
        self._pulses = [Pulse(model, pid, url) for model, pids in models for pid in pids]

    def _watch_door(self) -> None:
        if self._door_pulse is not None:
            self._door_pulse.stop()
        self._door_pulse = Pulse("the door", self.door.pid, self.address.url, ask=ask_door)

    def _stop_triton(self, *, is_broken: bool = False) -> None:
        for pulse in self._pulses:
            pulse.stop()
        self._pulses = []
        if is_broken:
            self.triton.mark_broken()
        self.triton.stop()

    def _wait_for_door(self) -> None:
        deadline = time.monotonic() + DOOR_TIMEOUT_S
        with open_triton(self.address.url) as server:
            while not is_ready(server):
                if not self.door.is_running():
                    raise StartError(f"the door ended with {self.door.describe_exit()}")
                if time.monotonic() > deadline:
                    raise StartError(f"the door does not answer within {DOOR_TIMEOUT_S:.0f} s")
                time.sleep(0.05)


def ask_door(server: InferenceServerClient, timeout_s: float) -> None:
    """Asks for what the door answers itself."""
    server.is_server_live(client_timeout=timeout_s)


def is_ready(server: InferenceServerClient) -> bool:
    """Returns whether the door says that all models answer."""
    try:
        return bool(server.is_server_ready(client_timeout=READY_TIMEOUT_S))
    except InferenceServerException:
        return False
