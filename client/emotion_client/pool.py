"""The servers that one client knows: whose turn it is, and who is put aside.

No I/O and no clock of its own happens here but `monotonic`; every method is safe to call from many
threads and returns at once.
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

# A server that failed is asked again after these seconds, by one call, doubled at each failure.
FIRST_DELAY_S, MAX_DELAY_S, MAX_DOUBLINGS = 0.1, 2.0, 10
POLL_S = 0.01
# Names are looked up again after so long; sooner where one of their servers is put aside.
NAME_LIFETIME_S, SHORT_NAME_LIFETIME_S = 30.0, 5.0
# Retries: a burst of 100, then one a second and one for every five calls that succeed. More would
# make a struggling service struggle more (cf. "Addressing cascading failures" in Beyer et al.,
# "Site Reliability Engineering", O'Reilly 2016).
MAX_RETRIES, RETRIES_PER_S, RETRIES_PER_SUCCESS = 100.0, 1.0, 0.2


@dataclass(eq=False)
class Replica:
    """One server, and what this client knows of it.

    Attributes:
        address: where it is.
        info: what it told last, also while it is put aside.
        is_ready: whether calls may go there; False before the first answer and after a failure.
        is_on_trial: whether a call is finding out whether it answers, or what it serves now.
        num_failures: in a row.
        retry_at: not to be asked before; seconds of `monotonic`.
        connection: of the client's own kind; None where there is none yet.
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
        is_trial: whether it is not ready: this call alone finds out what it serves and whether it
            answers, and says `end_trial`.
    """

    replica: Replica
    is_trial: bool


@dataclass
class _Name:
    """A host name, and when it is due to be looked up."""

    expires_at: float = 0.0
    is_looked_up: bool = False


@dataclass
class Pool:
    """The servers behind one or several addresses.

    Args:
        urls: "host:port" each; a name may stand for several servers.

    Attributes:
        info: what was told last by any of them; None before the first answer.
        is_closed: whether the client let go of it; calls that still hold it end.
    """

    urls: Sequence[str]
    info: ServerInfo | None = field(default=None, init=False)
    is_closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._replicas: list[Replica] = []
        self._turn = 0
        self._retries, self._refilled_at = MAX_RETRIES, monotonic()
        self._last_failure: tuple[type[EmotionError], str] | None = None
        self._names = {url: _Name() for url in self.urls if not is_literal(url)}
        for url in self.urls:
            if is_literal(url):
                self.set_addresses(list_addresses(url, ips=[split_url(url)[0]]), url=url)

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """All servers that are known."""
        with self._lock:
            return tuple(self._replicas)

    def take(self) -> Turn | float:
        """Returns the server whose turn it is, or the seconds after which to ask again.

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
        """Raises Unavailable where the client was closed."""
        if self.is_closed:
            raise Unavailable(f"{', '.join(self.urls)}: the client was closed during the call")

    def begin_trial(self, replica: Replica) -> bool:
        """Returns whether this call may ask the server what it serves; False while another does."""
        with self._lock:
            is_free = not replica.is_on_trial
            replica.is_on_trial = True
            return is_free

    def end_trial(self, replica: Replica) -> None:
        """Lets others try again."""
        with self._lock:
            replica.is_on_trial = False

    def set_info(self, replica: Replica, info: ServerInfo) -> None:
        """Keeps what a server told."""
        with self._lock:
            replica.info = self.info = info

    def set_ready(self, replica: Replica) -> None:
        """Says that a server answered a call, which also pays for retries."""
        with self._lock:
            replica.is_ready, replica.num_failures = True, 0
            self._retries = min(MAX_RETRIES, self._retries + RETRIES_PER_SUCCESS)

    def put_aside(self, replica: Replica, *, error: EmotionError) -> None:
        """Says that a server failed: for a while no call goes there, longer at each failure."""
        with self._lock:
            self._last_failure = (type(error), str(error))
            if not replica.is_ready and replica.retry_at > monotonic():
                return  # one of many calls that were under way when it broke
            replica.is_ready = False
            num_doublings = min(replica.num_failures, MAX_DOUBLINGS)
            delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2**num_doublings)
            replica.num_failures += 1
            # Jitter, so that the clients of a server that comes back do not come all at once.
            replica.retry_at = monotonic() + delay_s * random.uniform(0.5, 1.0)  # noqa: S311

    def has_other(self, replica: Replica) -> bool:
        """Returns whether another server is ready, or was never asked and may be."""
        with self._lock:
            others = [each for each in self._replicas if each is not replica]
            return any(each.is_ready or not each.num_failures for each in others)

    def last_failure(self) -> EmotionError | None:
        """Returns how a server failed last; None where none did."""
        with self._lock:
            if self._last_failure is None:
                return None
            kind, sentence = self._last_failure
            return kind(sentence)

    def take_retry(self) -> bool:
        """Returns whether one more retry fits into the budget, and takes it from there."""
        with self._lock:
            now = monotonic()
            refill = (now - self._refilled_at) * RETRIES_PER_S
            self._retries = min(MAX_RETRIES, self._retries + refill)
            self._refilled_at = now
            if self._retries < 1:
                return False
            self._retries -= 1
            return True

    def take_names(self) -> list[str]:
        """Returns the addresses whose hosts are to be looked up now, by this call."""
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
        """Ends a look-up: replaces the servers of one url, and keeps those that stay.

        Args:
            addresses: what was found; None where the look-up failed, which changes nothing.
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
