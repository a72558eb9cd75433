"""Every call of a load test, kept one by one: percentiles come from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """One call.

    Attributes:
        due_s: Unix time at which it should have begun: when its arrival was drawn (open loop), or
            when its user was free (closed loop).
        late_s: seconds by which it began later, because the generator was busy.
        latency_s: seconds from `due_s` to its end.
        num_texts: that it asked for, at least 1.
        failure: name of the error that it ended with; "" where it was answered.
    """

    due_s: float
    late_s: float
    latency_s: float
    num_texts: int
    failure: str = ""


@dataclass(frozen=True)
class Calls:
    """Many samples as columns, in no order.

    Attributes:
        due_s: (num_calls,) float64.
        late_s: (num_calls,) float64.
        latency_s: (num_calls,) float64.
        num_texts: (num_calls,) int64.
        failures: (num_calls,) str.
    """

    due_s: NDArray[np.float64]
    late_s: NDArray[np.float64]
    latency_s: NDArray[np.float64]
    num_texts: NDArray[np.int64]
    failures: NDArray[np.str_]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Calls:
        """Returns the columns of these samples."""
        return cls(
            due_s=np.array([sample.due_s for sample in samples], np.float64),
            late_s=np.array([sample.late_s for sample in samples], np.float64),
            latency_s=np.array([sample.latency_s for sample in samples], np.float64),
            num_texts=np.array([sample.num_texts for sample in samples], np.int64),
            failures=np.array([sample.failure for sample in samples], np.str_),
        )

    @property
    def end_s(self) -> NDArray[np.float64]:
        """When each ended, Unix time: (num_calls,) float64."""
        return self.due_s + self.latency_s

    @property
    def is_answered(self) -> NDArray[np.bool_]:
        """Whether each was answered: (num_calls,) bool."""
        return np.asarray(self.failures == "", np.bool_)

    def choose(self, is_chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Calls:
        """Returns some of them: `is_chosen` is (num_calls,) bool, or indices."""
        columns = [getattr(self, field.name) for field in fields(self)]
        return Calls(*(column[is_chosen] for column in columns))


class Samples:
    """The samples of one process, and on a master those that its workers sent."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Keeps one."""
        self._samples.append(sample)

    def clear(self) -> None:
        """Forgets all."""
        self._samples.clear()

    def take(self) -> list[tuple[Any, ...]]:
        """Returns all of them as plain values for a message, and forgets them."""
        taken, self._samples = self._samples, []
        return [astuple(sample) for sample in taken]

    def receive(self, message: Sequence[Sequence[Any]]) -> None:
        """Keeps those of a message."""
        self._samples.extend(Sample(*values) for values in message)

    def read(self) -> Calls:
        """Returns all so far."""
        return Calls.of(self._samples)
