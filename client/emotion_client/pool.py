"""The servers of one client: which one is next, and which ones are put aside after a failure.

No I/O happens here, and `monotonic` is the only clock. Every method is thread-safe and returns at
once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any

from emotion_client.addresses import Address, is_literal, list_addresses, split_url
from emotion_client.errors import EmotionError, Unavailable
from emotion_client.protocol import ServerInfo
from emotion_client.retry_budget import RetryBudget

# After a failure, one call tries the server again after these seconds, doubled at each failure.
FIRST_DELAY_S, MAX_DELAY_S, MAX_DOUBLINGS = 0.1, 2.0, 10
POLL_S = 0.01
# Names are resolved again after these seconds; the shorter time if a server is put aside.
NAME_LIFETIME_S, SHORT_NAME_LIFETIME_S = 30.0, 5.0


@dataclass(eq=False)
class Replica:
    """One server, and what this client knows about it.

    Attributes:
        address: of the server.
        info: what it serves, by its latest answer; kept while it is put aside.
        is_ready: whether calls may go there; False before the first answer and after a failure.
        is_on_trial: whether a call is finding out if it answers, or what it serves now.
        num_failures: consecutive failures.
        retry_at: earliest time of the next trial, in seconds of `monotonic`.
        connection: blocking or awaited, as the client; None until there is one.
    """

    address: Address
    info: ServerInfo | None = None
    is_ready: bool = False
    is_on_trial: bool = False
    num_failures: int = 0
    retry_at: float = 0.0
    connection: Any = None


@dataclass(frozen=True)
class Turn:
    """Where a call may go now.

    Attributes:
        replica: the server.
        is_trial: whether the server is not ready. Then this call alone finds out if it answers and
            what it serves, and must call `end_trial`.
    """

    replica: Replica
    is_trial: bool


@dataclass
class _Name:
    """A host name, and when to resolve it again."""

    expires_at: float = 0.0
    is_looked_up: bool = False


@dataclass
class Pool:
    """The servers behind one or several addresses.

    Args:
        urls: "host:port" each; a name may have several servers.

    Attributes:
        info: what the server that answered last serves; None before the first answer.
        is_closed: whether the client was closed; calls in flight then end.
    """

    urls: Sequence[str]
    info: ServerInfo | None = field(default=None, init=False)
    is_closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._replicas: list[Replica] = []
        self._turn = 0
        self._retries = RetryBudget()
        self._last_failure: tuple[type[EmotionError], str] | None = None
        self._names = {url: _Name() for url in self.urls if not is_literal(url)}
        for url in self.urls:
            if is_literal(url):
                self.set_addresses(list_addresses(url, ips=[split_url(url)[0]]), url=url)

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """All known servers."""
        with self._lock:
            return tuple(self._replicas)

    def take(self) -> Turn | float:
        """Returns the next server, or the seconds after which to ask again.

        Raises:
            Unavailable: the client was closed.
        """
        self.check_open()
        with self._lock:
            now = monotonic()
            self._turn += 1
            turn = self._turn % max(1, len(self._replicas))
            in_turn = self._replicas[turn:] + self._replicas[:turn]
            for replica in in_turn:
                if not replica.is_ready and not replica.is_on_trial and replica.retry_at <= now:
                    replica.is_on_trial = True
                    return Turn(replica, is_trial=True)
            for replica in in_turn:
                if replica.is_ready:
                    return Turn(replica, is_trial=False)
            if not in_turn or any(replica.is_on_trial for replica in in_turn):
                return POLL_S
            return max(POLL_S, min(replica.retry_at for replica in in_turn) - now)

    def check_open(self) -> None:
        """Raises Unavailable if the client was closed."""
        if self.is_closed:
            raise Unavailable(f"{', '.join(self.urls)}: the client was closed during the call")

    def begin_trial(self, replica: Replica) -> bool:
        """Returns whether this call may try the server; False while another call does."""
        with self._lock:
            is_free = not replica.is_on_trial
            replica.is_on_trial = True
            return is_free

    def end_trial(self, replica: Replica) -> None:
        """Lets other calls try the server."""
        with self._lock:
            replica.is_on_trial = False

    def set_info(self, replica: Replica, info: ServerInfo) -> None:
        """Stores what a server serves."""
        with self._lock:
            replica.info = self.info = info

    def set_ready(self, replica: Replica) -> None:
        """Marks that a server answered a call, which also refills the retry budget."""
        with self._lock:
            replica.is_ready, replica.num_failures = True, 0
            self._retries.add_for_success()

    def put_aside(self, replica: Replica, *, error: EmotionError) -> None:
        """Marks that a server failed: it gets no calls for a time that grows with each failure."""
        with self._lock:
            self._last_failure = (type(error), str(error))
            if not replica.is_ready and replica.retry_at > monotonic():
                return  # one of many calls that were in flight when it failed
            replica.is_ready = False
            num_doublings = min(replica.num_failures, MAX_DOUBLINGS)
            delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2**num_doublings)
            replica.num_failures += 1
            # Jitter, so that clients do not all return to a restarted server at once.
            replica.retry_at = monotonic() + delay_s * random.uniform(0.5, 1.0)  # noqa: S311

    def has_other(self, replica: Replica) -> bool:
        """Returns whether another server is ready, or has not been asked yet."""
        with self._lock:
            others = [each for each in self._replicas if each is not replica]
            return any(each.is_ready or not each.num_failures for each in others)

    def last_failure(self) -> EmotionError | None:
        """Returns the latest failure of any server; None if there was none."""
        with self._lock:
            if self._last_failure is None:
                return None
            kind, sentence = self._last_failure
            return kind(sentence)

    def take_retry(self) -> bool:
        """Takes one retry from the budget; returns False if there is none left."""
        with self._lock:
            return self._retries.take()

    def take_names(self) -> list[str]:
        """Returns the addresses whose hosts this call has to resolve now."""
        with self._lock:
            now = monotonic()
            due = {
                url: name
                for url, name in self._names.items()
                if not name.is_looked_up and name.expires_at <= now
            }
            for name in due.values():
                name.is_looked_up = True
            return list(due)

    def set_addresses(self, addresses: Sequence[Address] | None, *, url: str) -> None:
        """Ends a look-up: replaces the servers of one url, but keeps those still listed.

        Args:
            addresses: the result; None if the look-up failed, which changes nothing.
            url: that was looked up.
        """
        with self._lock:
            if addresses is not None:
                known = {r.address: r for r in self._replicas}
                others = [r for r in self._replicas if r.address.url != url]
                own = [known.get(address) or Replica(address) for address in addresses]
                self._replicas = others + own
            name = self._names.get(url)
            if name is not None:
                own = [r for r in self._replicas if r.address.url == url]
                is_whole = bool(own) and all(r.is_ready for r in own)
                lifetime_s = NAME_LIFETIME_S if is_whole else SHORT_NAME_LIFETIME_S
                name.expires_at = monotonic() + lifetime_s if self._replicas else 0.0
                name.is_looked_up = False
