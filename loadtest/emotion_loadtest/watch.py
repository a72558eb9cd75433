"""What is polled every second of a run: Triton's counters, and how busy this process is."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import psutil
from emotion_client import EmotionError
from emotion_server.counters import read_load
from tritonclient.grpc import InferenceServerClient

from emotion_loadtest.measurements import Poll
from emotion_loadtest.session import now_s

INTERVAL_S = 1.0


class Watch:
    """Calls something every second, from `start` to `stop`, and once more at the end."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begins."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Ends, with a last look."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
            self._look()

    def _run(self) -> None:
        while True:
            self._look()
            gevent.sleep(INTERVAL_S)


class ServerLook:
    """Triton's counters over a run; where it does not answer, there is a gap."""

    def __init__(self, triton: InferenceServerClient) -> None:
        self._triton = triton
        self.polls: list[Poll] = []

    def __call__(self) -> None:
        """Looks once."""
        before_s = now_s()
        try:
            load = read_load(self._triton)
        except EmotionError:
            return
        self.polls.append(Poll((before_s + now_s()) / 2, load))


class ProcessLook:
    """Processor time of this process over a run, in cores, look by look."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._last = (now_s(), self._read())
        self.cpu_shares: list[float] = []

    def __call__(self) -> None:
        """Looks once."""
        moment = (now_s(), self._read())
        seconds = moment[0] - self._last[0]
        if seconds > INTERVAL_S / 2:
            self.cpu_shares.append((moment[1] - self._last[1]) / seconds)
            self._last = moment

    def _read(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
