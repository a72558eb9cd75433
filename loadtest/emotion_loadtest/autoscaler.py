"""How Kubernetes' HorizontalPodAutoscaler chooses a number of replicas. No I/O.

It asks for each metric every 15 s. KEDA gives it the metrics of Prometheus and leaves the choice to
it. The rules: kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

SYNC_S = 15
TOLERANCE = 0.1
SCALE_UP_PODS, SCALE_UP_FACTOR = 4, 2


@dataclass(frozen=True)
class Limits:
    """What does not depend on the load.

    Attributes:
        min_replicas: at least so many.
        max_replicas: at most.
        stabilization_s: a lower number must have been enough for so long.
        removal_s: after a replica is removed, none is for so long.
    """

    min_replicas: int = 2
    max_replicas: int = 8
    stabilization_s: float = 600.0
    removal_s: float = 60.0


@dataclass
class Autoscaler:
    """Chooses a number of replicas, over and over.

    Attributes:
        limits: of the number.
    """

    limits: Limits
    _wanted: deque[tuple[float, int]] = field(default_factory=deque, init=False, repr=False)
    _removed_s: float = field(default=-math.inf, init=False, repr=False)

    def choose(self, loads: Sequence[float], *, num_replicas: int, now_s: float) -> int:
        """Returns how many replicas there should be.

        Args:
            loads: for each metric, its sum over all replicas divided by its target for one.
            num_replicas: that there are, those that start included.
            now_s: on the clock of earlier calls.
        """
        wanted = max(want(load, num_replicas=num_replicas) for load in loads)
        wanted = min(max(wanted, self.limits.min_replicas), self.limits.max_replicas)
        self._wanted.append((now_s, wanted))
        while self._wanted[0][0] <= now_s - self.limits.stabilization_s:
            self._wanted.popleft()
        if wanted > num_replicas:
            most = max(num_replicas + SCALE_UP_PODS, num_replicas * SCALE_UP_FACTOR)
            return min(wanted, most)
        if max(each for _, each in self._wanted) >= num_replicas:
            return num_replicas
        if now_s - self._removed_s < self.limits.removal_s:
            return num_replicas
        self._removed_s = now_s
        return num_replicas - 1


def want(load: float, *, num_replicas: int) -> int:
    """Returns how many replicas a metric asks for; as many as there are, if that is close."""
    if abs(load / num_replicas - 1) <= TOLERANCE:
        return num_replicas
    return math.ceil(load)
