"""One call of a client, from the first attempt to its result, without any I/O.

`ask` is a generator that yields what is to be done (a `Command`) and is sent what came of it, or
has the error thrown into it. Both clients run the same generators; only the way in which they
perform a command differs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

from emotion_client.addresses import list_addresses
from emotion_client.errors import (
    DeadlineExceeded,
    EmotionError,
    InvalidInput,
    Overloaded,
    RevisionChanged,
    ServerError,
    Unavailable,
    WrongServer,
)
from emotion_client.pool import POLL_S, Pool, Replica, Turn
from emotion_client.prediction import Prediction
from emotion_client.protocol import (
    MAX_ROWS,
    ServerInfo,
    build_info_request,
    build_request,
    parse_info,
    parse_predictions,
    read_revision,
)
from emotion_client.tokenizer import Encoding

T = TypeVar("T")
# Before any server answered, a wrong address is more likely than a restart: give up soon.
MAX_FIRST_ATTEMPTS = 3
ASK_FOR_ADDRESS = "nothing answered there yet: is it the gRPC port of a running Triton?"
# A server among several that does not say within this time what it serves is left to itself.
CONTACT_TIMEOUT_S = 2.0
# While servers are known, a name server that hangs is not to be waited for.
LOOKUP_TIMEOUT_S, LOOKUP_AGAIN_TIMEOUT_S = 5.0, 0.5
MAX_POLL_S = 0.1
# Longer texts take milliseconds to tokenize, which an event loop has no time for.
MAX_CHARS_INLINE = 8192


@dataclass(frozen=True)
class Infer:
    """Send a request to a server; the result is its ModelInferResponse."""

    replica: Replica
    request: Any
    timeout_s: float


@dataclass(frozen=True)
class Pause:
    """Wait; there is no result."""

    seconds: float


@dataclass(frozen=True)
class LookUp:
    """Look up a host; the result is a list of IP addresses, OSError if there is none."""

    url: str
    timeout_s: float


@dataclass(frozen=True)
class Compute:
    """Run a function that takes longer than a moment; the result is what it returns.

    Where that is awaited, TimeoutError when the time is over.
    """

    function: Callable[[], Any]
    timeout_s: float


Command = Infer | Pause | LookUp | Compute
Flow = Generator[Command, Any, T]


@dataclass(frozen=True)
class Deadline:
    """When a call must be over.

    Attributes:
        timeout_s: seconds that it may take in all.
        at: its end, in seconds of `monotonic`.
    """

    timeout_s: float
    at: float

    @classmethod
    def after(cls, timeout_s: float) -> Deadline:
        """Returns the deadline of a call that begins now."""
        return cls(timeout_s, monotonic() + timeout_s)

    def remaining(self) -> float:
        """Returns the seconds that are left; below 0 when it is over."""
        return self.at - monotonic()

    def error(self, url: object) -> DeadlineExceeded:
        """Returns what to raise when it is over."""
        return DeadlineExceeded(f"{url}: no answer within {self.timeout_s} s")


@dataclass(frozen=True)
class Work(Generic[T]):
    """What one call sends, tokenized for one checkpoint.

    Attributes:
        encodings: a row each; they go to one server, at most 64 a request.
        finish: makes the result of their predictions.
    """

    encodings: list[Encoding]
    finish: Callable[[list[Prediction]], T]


@dataclass(frozen=True)
class Job(Generic[T]):
    """What a caller wants, before it is known which checkpoint answers.

    Attributes:
        prepare: tokenizes it; called again for each other checkpoint.
        num_chars: how much there is to tokenize.
    """

    prepare: Callable[[ServerInfo], Work[T]]
    num_chars: int


def ask(pool: Pool, job: Job[T], *, deadline: Deadline) -> Flow[T]:
    """Asks one server after the other until one answers.

    Only what is safe is tried again: a connection that was refused or lost, a server that starts,
    stops, is broken or hangs while another one is ready. Classifying twice does no harm.

    Raises:
        EmotionError: as `EmotionClient.predict` says.
    """
    num_attempts = 0
    while True:
        turn = yield from _take(pool, deadline=deadline)
        num_attempts += 1
        try:
            return (yield from _attempt(pool, turn, job=job, deadline=deadline))
        except (Unavailable, WrongServer, DeadlineExceeded) as error:
            pool.check_open()
            pool.put_aside(turn.replica, error=error)
            if not _is_worth_a_retry(error, pool=pool, replica=turn.replica):
                raise
            is_first = pool.info is None
            if is_first and num_attempts >= MAX_FIRST_ATTEMPTS * len(pool.replicas):
                raise Unavailable(f"{error}; {ASK_FOR_ADDRESS}") from error
            # A trial is rare as it is: each server's own delay sees to that.
            is_free = turn.is_trial and pool.has_other(turn.replica)
            if not is_free and not pool.take_retry():
                raise


def probe(pool: Pool, job: Job[Any], *, deadline: Deadline) -> Flow[bool]:
    """Asks every server once, put aside or not; returns whether one gives a real answer in time."""
    try:
        yield from _look_up_names(pool, deadline=deadline)
    except Unavailable:
        return False
    replicas = pool.replicas
    for i, replica in enumerate(replicas):
        share = Deadline.after(deadline.remaining() / (len(replicas) - i))
        try:
            yield from _contact(pool, replica, deadline=share)
            yield from _send(pool, Turn(replica, is_trial=True), job=job, deadline=share)
        except (Unavailable, WrongServer, DeadlineExceeded) as error:
            pool.check_open()
            pool.put_aside(replica, error=error)
        except EmotionError:
            continue
        else:
            pool.set_ready(replica)
            return True
    return False


def _is_worth_a_retry(error: EmotionError, *, pool: Pool, replica: Replica) -> bool:
    if isinstance(error, WrongServer):  # one of several may be misconfigured
        return pool.has_other(replica)
    return isinstance(error, Unavailable)


def _take(pool: Pool, *, deadline: Deadline) -> Flow[Turn]:
    poll_s = POLL_S
    while True:
        yield from _look_up_names(pool, deadline=deadline)
        choice = pool.take()
        if isinstance(choice, Turn):
            return choice
        pause_s = max(choice, poll_s)  # many calls may wait here for one trial
        poll_s = min(MAX_POLL_S, 2 * poll_s)
        if pause_s >= deadline.remaining():
            raise pool.last_failure() or deadline.error(", ".join(pool.urls))
        yield Pause(pause_s)


def _look_up_names(pool: Pool, *, deadline: Deadline) -> Flow[None]:
    names, failure = pool.take_names(), None
    try:
        while names:
            remaining_s = max(0.0, deadline.remaining())
            timeout_s = min(LOOKUP_TIMEOUT_S, remaining_s)
            if pool.replicas:
                timeout_s = min(LOOKUP_AGAIN_TIMEOUT_S, remaining_s / 4)
            addresses = None
            try:
                ips = yield LookUp(names[0], timeout_s)
                addresses = list_addresses(names[0], ips=ips)
            except OSError as error:
                failure = Unavailable(f"{names[0]}: its host is not found: {error}")
                failure.__cause__ = error
            pool.set_addresses(addresses, url=names.pop(0))
    finally:
        for url in names:  # this call was ended; the next one looks them up
            pool.set_addresses(None, url=url)
    if failure is not None and not pool.replicas:
        raise failure


def _attempt(pool: Pool, turn: Turn, *, job: Job[T], deadline: Deadline) -> Flow[T]:
    """Asks one server, which has half of the time where another one could use the rest."""
    replica, share = turn.replica, deadline
    if pool.has_other(replica):
        share = Deadline.after(deadline.remaining() / 2)
    try:
        if turn.is_trial:
            yield from _contact(pool, replica, deadline=share)
        result = yield from _send(pool, turn, job=job, deadline=share)
        pool.set_ready(replica)
        return result
    except DeadlineExceeded as error:
        if deadline.remaining() <= 0:
            raise deadline.error(replica.address) from error
        if len(pool.replicas) == 1:  # it is the server, or a proxy, that has no more patience
            raise
        raise Unavailable(f"{replica.address}: no answer while others answer") from error
    except (Overloaded, ServerError, InvalidInput):
        pool.set_ready(replica)  # what answers is there
        raise
    finally:
        if turn.is_trial:
            pool.end_trial(replica)


def _contact(pool: Pool, replica: Replica, *, deadline: Deadline) -> Flow[None]:
    """Asks a server what it serves; a tokenizer that is known already is not sent again."""
    url, info = str(replica.address), None
    if len(pool.replicas) > 1:
        deadline = Deadline.after(min(CONTACT_TIMEOUT_S, deadline.remaining()))
    known = {r.info.revision: r.info for r in pool.replicas if r.info is not None}
    try:
        if known:
            request = build_info_request("revision", "protocol")
            response = yield _infer(replica, request, deadline=deadline)
            info = known.get(read_revision(response, url=url))
        if info is None:
            response = yield _infer(replica, build_info_request(), deadline=deadline)
            info = yield from _compute(
                partial(parse_info, response, url=url), replica=replica, deadline=deadline
            )
    except InvalidInput as error:  # it refuses what every server of ours takes
        raise WrongServer(str(error)) from error
    pool.set_info(replica, info)


def _send(pool: Pool, turn: Turn, *, job: Job[T], deadline: Deadline) -> Flow[T]:
    """Sends a job; where the server changed its checkpoint, once more for the new one."""
    info = turn.replica.info
    assert info is not None, "it was contacted"
    try:
        return (yield from _send_for(turn.replica, job=job, info=info, deadline=deadline))
    except RevisionChanged:
        info = yield from _renew(pool, turn, stale=info, deadline=deadline)
        return (yield from _send_for(turn.replica, job=job, info=info, deadline=deadline))


def _renew(pool: Pool, turn: Turn, *, stale: ServerInfo, deadline: Deadline) -> Flow[ServerInfo]:
    """Returns what the server serves instead of `stale`, which one of all its callers asks for."""
    replica = turn.replica
    while not turn.is_trial and not pool.begin_trial(replica):
        if deadline.remaining() <= POLL_S:
            raise deadline.error(replica.address)
        yield Pause(POLL_S)
    try:
        if replica.info is stale:
            yield from _contact(pool, replica, deadline=deadline)
    finally:
        if not turn.is_trial:
            pool.end_trial(replica)
    assert replica.info is not None, "it was contacted"
    return replica.info


def _send_for(replica: Replica, *, job: Job[T], info: ServerInfo, deadline: Deadline) -> Flow[T]:
    work: Work[T]
    if job.num_chars > MAX_CHARS_INLINE:
        work = yield from _compute(partial(job.prepare, info), replica=replica, deadline=deadline)
    else:
        work = job.prepare(info)
    predictions: list[Prediction] = []
    for start in range(0, len(work.encodings), MAX_ROWS):
        rows = work.encodings[start : start + MAX_ROWS]
        request = build_request(rows, revision=info.revision)
        response = yield _infer(replica, request, deadline=deadline)
        predictions += parse_predictions(
            response, encodings=rows, info=info, url=str(replica.address)
        )
    return work.finish(predictions)


def _compute(function: Callable[[], T], *, replica: Replica, deadline: Deadline) -> Flow[T]:
    try:
        result: T = yield Compute(function, max(0.0, deadline.remaining()))
    except TimeoutError:
        raise deadline.error(replica.address) from None
    return result


def _infer(replica: Replica, request: Any, *, deadline: Deadline) -> Infer:
    remaining_s = deadline.remaining()
    if remaining_s <= 0:
        raise deadline.error(replica.address)
    return Infer(replica, request, remaining_s)
