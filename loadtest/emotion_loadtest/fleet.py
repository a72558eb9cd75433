"""Simulates replicas whose number follows the load. No I/O.

Calls go to the replicas that are ready, each to a random one. A new replica is ready some time
after the decision; one that is removed gets no more calls and answers those that it has.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emotion_loadtest.autoscaler import SYNC_S, Autoscaler, Limits
from emotion_loadtest.replica import Replica, ServiceTime, Work

TICK_S = 5
MAX_LATENCY_MS = 10_000


@dataclass(frozen=True)
class Setting:
    """What the number of replicas follows.

    Attributes:
        name: for people.
        busy_s: seconds per second in which a replica should compute, as a mean over `window_s`.
        waiting: requests that may wait at a replica's door, at most; infinite: no such guard.
        window_s: seconds over which busy time is averaged.
        start_up_s: seconds from the decision until a new replica gets its first calls.
        limits: of the number.
    """

    name: str
    busy_s: float = 0.7
    waiting: float = 100.0
    window_s: float = 30.0
    start_up_s: float = 60.0
    limits: Limits = field(default=Limits())


def build_settings(
    busy_s: Sequence[float], *, waiting: float, start_up_s: float, limits: Limits
) -> list[Setting]:
    """Returns what is worth comparing: KEDA with each target, and an HPA on CPU with the first."""
    keda = [Setting(f"KEDA, busy {each:g}", each, waiting) for each in busy_s]
    hpa = Setting(f"HPA, CPU {busy_s[0]:.0%}", busy_s[0], math.inf)
    return [replace(each, start_up_s=start_up_s, limits=limits) for each in (*keda, hpa)]


@dataclass(frozen=True)
class Minute:
    """What callers saw in a minute.

    Attributes:
        start_s: of the simulation's clock.
        num_due: calls.
        num_refused: of them.
        p99_ms: of the answered ones; NaN if there are none.
        num_replicas: mean, those that start included.
    """

    start_s: float
    num_due: int
    num_refused: int
    p99_ms: float
    num_replicas: float


@dataclass(frozen=True)
class Outcome:
    """A whole simulation.

    Attributes:
        setting: what was simulated.
        minutes: in order.
        histogram: (MAX_LATENCY_MS + 1,) int64, answered calls by whole milliseconds of latency.
    """

    setting: Setting
    minutes: list[Minute]
    histogram: NDArray[np.int64]

    @property
    def p99_ms(self) -> float:
        """Of all answered calls."""
        shares = np.cumsum(self.histogram) / max(1, self.histogram.sum())
        return float(np.searchsorted(shares, 0.99))

    @property
    def refused_share(self) -> float:
        """Refused calls, as a share of all."""
        return sum(x.num_refused for x in self.minutes) / sum(x.num_due for x in self.minutes)

    @property
    def num_replicas(self) -> float:
        """Mean number of replicas, those that start included."""
        return float(np.mean([minute.num_replicas for minute in self.minutes]))

    def slow_minutes(self, *, max_p99_ms: float) -> int:
        """Returns in how many minutes a call was refused or p99 was above a limit."""
        return sum(x.num_refused > 0 or x.p99_ms > max_p99_ms for x in self.minutes)


@dataclass
class Fleet:
    """Replicas behind clients that spread their calls.

    Attributes:
        setting: what their number follows.
        time: how long each takes.
        rng: draws arrivals.
    """

    setting: Setting
    time: ServiceTime
    rng: np.random.Generator
    _replicas: list[Replica] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._autoscaler = Autoscaler(self.setting.limits)
        self._replicas = [Replica(self.time) for _ in range(self.setting.limits.min_replicas)]
        self._busy_s = deque[float](maxlen=max(1, round(self.setting.window_s / TICK_S)))

    @property
    def num_replicas(self) -> int:
        """That there are, those that start included."""
        return len(self._replicas)

    def tick(self, rate: float, *, now_s: float) -> tuple[int, list[Work]]:
        """Serves for a tick; returns the number of calls, and what each replica did."""
        until_s = now_s + TICK_S
        ready = [each for each in self._replicas if each.ready_s <= now_s]
        due_s = np.sort(self.rng.uniform(now_s, until_s, self.rng.poisson(rate * TICK_S)))
        chosen = self.rng.integers(len(ready), size=len(due_s))
        done = [
            each.run(due_s[chosen == index].tolist(), until_s=until_s)
            for index, each in enumerate(ready)
        ]
        self._busy_s.append(sum(work.busy_s for work in done))
        if until_s % SYNC_S == 0:
            done += self._scale(sum(work.num_waiting for work in done), now_s=until_s)
        return len(due_s), done

    def _scale(self, num_waiting: int, *, now_s: float) -> list[Work]:
        """Adds or removes replicas; returns what the removed ones still do."""
        busy_s = sum(self._busy_s) / (len(self._busy_s) * TICK_S)
        loads = [busy_s / self.setting.busy_s, num_waiting / self.setting.waiting]
        before = self.num_replicas
        wanted = self._autoscaler.choose(loads, num_replicas=before, now_s=now_s)
        ready_s = now_s + self.setting.start_up_s
        self._replicas += [Replica(self.time, ready_s) for _ in range(wanted - before)]
        # The newest one goes first, as Kubernetes prefers.
        removed = [self._replicas.pop() for _ in range(before - wanted)]
        return [each.run([], until_s=float("inf")) for each in removed]


def simulate(
    setting: Setting,
    rate_at: Callable[[float], float],
    *,
    seconds: float,
    time: ServiceTime | None = None,
    seed: int = 0,
) -> Outcome:
    """Simulates a fleet.

    Args:
        setting: what the number of replicas follows.
        rate_at: seconds since the start to calls a second.
        seconds: how long.
        time: how long a replica takes; the default is that of a small CPU server.
        seed: the same one gives the same calls.
    """
    fleet = Fleet(setting, time or ServiceTime(), np.random.default_rng(seed))
    histogram = np.zeros(MAX_LATENCY_MS + 1, np.int64)
    minutes = [*run_minutes(fleet, rate_at, seconds=seconds, histogram=histogram)]
    return Outcome(setting, minutes, histogram)


def run_minutes(
    fleet: Fleet,
    rate_at: Callable[[float], float],
    *,
    seconds: float,
    histogram: NDArray[np.int64],
) -> Iterator[Minute]:
    """Yields minute after minute, and adds their latencies to the histogram."""
    for start_s in range(0, int(seconds), 60):
        num_due, works, counts = 0, list[Work](), list[int]()
        for now_s in range(start_s, start_s + 60, TICK_S):
            counts.append(fleet.num_replicas)
            num_calls, done = fleet.tick(rate_at(now_s + TICK_S / 2), now_s=now_s)
            num_due += num_calls
            works += done
        latency_ms = np.concatenate([work.latency_s for work in works]) * 1e3
        whole = np.minimum(latency_ms, MAX_LATENCY_MS).astype(np.int64)
        histogram += np.bincount(whole, minlength=MAX_LATENCY_MS + 1)
        yield Minute(
            start_s=start_s,
            num_due=num_due,
            num_refused=sum(work.num_refused for work in works),
            p99_ms=float(np.percentile(latency_ms, 99)) if len(latency_ms) else float("nan"),
            num_replicas=float(np.mean(counts)),
        )
