"""One call of a client, from the first attempt to its result, without any I/O.

`ask` is a generator. It yields a `Command` and is sent the result, or the error is thrown into it.
Both clients run the same generators; they differ only in how they perform a command.
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
from emotion_client.tokenizer import EMPTY, Encoding

T = TypeVar("T")
# Until a server has answered, a wrong address is more likely than a restart: give up soon.
MAX_FIRST_ATTEMPTS = 3
ASK_FOR_ADDRESS = "no server has answered yet; is it the gRPC port of a running Triton?"
# With several servers, one that does not say what it serves within this time is skipped.
CONTACT_TIMEOUT_S = 2.0
# While servers are known, do not wait long for a name server that hangs.
LOOKUP_TIMEOUT_S, LOOKUP_AGAIN_TIMEOUT_S = 5.0, 0.5
MAX_POLL_S = 0.1
BULK_PAUSE_S = 0.5
# Longer texts take milliseconds to tokenize, which would block an event loop.
MAX_CHARS_INLINE = 8192


@dataclass(frozen=True)
class Infer:
    """Send a request to a server. The result is its ModelInferResponse.

    Bulk requests let others go first.
    """

    replica: Replica
    request: Any
    timeout_s: float
    is_bulk: bool = False


@dataclass(frozen=True)
class Pause:
    """Wait. There is no result."""

    seconds: float


@dataclass(frozen=True)
class LookUp:
    """Resolve a host. The result is a list of IP addresses; OSError if there are none."""

    url: str
    timeout_s: float


@dataclass(frozen=True)
class Compute:
    """Run a function that takes milliseconds or more. The result is what it returns.

    An awaiting client raises TimeoutError after `timeout_s`.
    """

    function: Callable[[], Any]
    timeout_s: float


Command = Infer | Pause | LookUp | Compute
Flow = Generator[Command, Any, T]


@dataclass(frozen=True)
class Deadline:
    """When a call must end.

    Attributes:
        timeout_s: seconds that the whole call may take.
        at: its end, in seconds of `monotonic`.
    """

    timeout_s: float
    at: float

    @classmethod
    def after(cls, timeout_s: float) -> Deadline:
        """Returns the deadline of a call that starts now."""
        return cls(timeout_s, monotonic() + timeout_s)

    def remaining(self) -> float:
        """Returns the seconds left; negative after the deadline."""
        return self.at - monotonic()

    def error(self, url: object) -> DeadlineExceeded:
        """Returns the error to raise after the deadline."""
        return DeadlineExceeded(f"{url}: no answer within {self.timeout_s} s")


@dataclass(frozen=True)
class Work(Generic[T]):
    """What one call sends, tokenized for one checkpoint.

    Attributes:
        encodings: one per row; all go to one server, at most 64 per request.
        finish: builds the result from their predictions.
    """

    encodings: list[Encoding]
    finish: Callable[[list[Prediction]], T]


@dataclass(frozen=True)
class Job(Generic[T]):
    """What a caller wants, before it is known which checkpoint answers.

    Attributes:
        prepare: tokenizes it for a checkpoint; called again if another one answers.
        num_chars: characters to tokenize.
        is_bulk: whether the server lets others go first, and is asked again if it is overloaded.
    """

    prepare: Callable[[ServerInfo], Work[T]]
    num_chars: int
    is_bulk: bool = False


def ask(pool: Pool, job: Job[T], *, deadline: Deadline) -> Flow[T]:
    """Asks one server after another until one answers.

    Retried are refused and lost connections, and servers that are starting, stopping, broken, or
    hanging while another one is ready. Classifying a text twice does no harm.

    Raises:
        EmotionError: as documented in `EmotionClient.predict`.
    """
    num_attempts = 0
    while True:
        turn = yield from _take(pool, deadline=deadline)
        num_attempts += 1
        try:
            return (yield from _attempt(pool, turn, job=job, deadline=deadline))
        except Overloaded:
            if not job.is_bulk or deadline.remaining() < BULK_PAUSE_S:
                raise
            yield Pause(BULK_PAUSE_S)
        except (Unavailable, WrongServer, DeadlineExceeded) as error:
            pool.check_open()
            pool.put_aside(turn.replica, error=error)
            if not _is_worth_a_retry(error, pool=pool, replica=turn.replica):
                raise
            is_first = pool.info is None
            if is_first and num_attempts >= MAX_FIRST_ATTEMPTS * len(pool.replicas):
                raise Unavailable(f"{error}; {ASK_FOR_ADDRESS}") from error
            # Trials need no budget: each server's own delay keeps them rare.
            is_free = turn.is_trial and pool.has_other(turn.replica)
            if not is_free and not pool.take_retry():
                raise


def probe(pool: Pool, job: Job[Any], *, deadline: Deadline) -> Flow[bool]:
    """Asks every server once, also those put aside; returns whether one answers in time."""
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
        pause_s = max(choice, poll_s)  # many calls may be waiting for one trial
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
                failure = Unavailable(f"{names[0]}: cannot resolve the host: {error}")
                failure.__cause__ = error
            pool.set_addresses(addresses, url=names.pop(0))
    finally:
        for url in names:  # this call was cancelled; the next one resolves them
            pool.set_addresses(None, url=url)
    if failure is not None and not pool.replicas:
        raise failure


def _attempt(pool: Pool, turn: Turn, *, job: Job[T], deadline: Deadline) -> Flow[T]:
    """Asks one server, within half of the time left if another one could use the rest."""
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
        if len(pool.replicas) == 1:  # the server or a proxy timed out first
            raise
        raise Unavailable(f"{replica.address}: no answer in its share of the time") from error
    except (Overloaded, ServerError, InvalidInput):
        pool.set_ready(replica)  # it answered
        raise
    finally:
        if turn.is_trial:
            pool.end_trial(replica)


def _contact(pool: Pool, replica: Replica, *, deadline: Deadline) -> Flow[None]:
    """Asks a server what it serves; a known tokenizer is not transferred again."""
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
    except InvalidInput as error:  # every Triton with our models accepts this request
        raise WrongServer(str(error)) from error
    pool.set_info(replica, info)


def _send(pool: Pool, turn: Turn, *, job: Job[T], deadline: Deadline) -> Flow[T]:
    """Sends a job, and again while the server changes its checkpoint."""
    info, pause_s = turn.replica.info, POLL_S
    assert info is not None, "it was contacted"
    while True:
        try:
            return (yield from _send_for(turn.replica, job=job, info=info, deadline=deadline))
        except RevisionChanged:
            stale = info
            info = yield from _renew(pool, turn, stale=stale, deadline=deadline)
            if info.revision == stale.revision:  # what answers the question is not what computes
                if deadline.remaining() <= pause_s:
                    raise
                yield Pause(pause_s)
                pause_s = min(2 * pause_s, MAX_POLL_S)


def _renew(pool: Pool, turn: Turn, *, stale: ServerInfo, deadline: Deadline) -> Flow[ServerInfo]:
    """Returns what the server serves instead of `stale`; one of all callers asks for it."""
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
    if not all(encoding.input_ids for encoding in work.encodings):
        raise InvalidInput(f"{replica.address}: the text {EMPTY}")
    predictions: list[Prediction] = []
    for start in range(0, len(work.encodings), MAX_ROWS):
        rows = work.encodings[start : start + MAX_ROWS]
        request = build_request(rows, revision=info.revision)
        response = yield _infer(replica, request, deadline=deadline, is_bulk=job.is_bulk)
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


def _infer(replica: Replica, request: Any, *, deadline: Deadline, is_bulk: bool = False) -> Infer:
    remaining_s = deadline.remaining()
    if remaining_s <= 0:
        raise deadline.error(replica.address)
    return Infer(replica, request, remaining_s, is_bulk)
