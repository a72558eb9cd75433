"""The blocking client. `async_client` has the same methods, awaited."""

from __future__ import annotations

import contextvars
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, Literal, TypeVar, overload
from weakref import WeakSet

import grpc

from emotion_client.arguments import (
    check_headers,
    check_on_error,
    check_text,
    check_texts,
    check_timeout,
    check_urls,
)
from emotion_client.bulk import MAX_IN_FLIGHT, Group, Window, group
from emotion_client.calls import Command, Compute, Deadline, Flow, Infer, Job, LookUp, ask, probe
from emotion_client.channel import TLS, Connection, complete_headers
from emotion_client.errors import EmotionError, ServiceError, translate
from emotion_client.jobs import info_job, song_job, text_job
from emotion_client.lookup import look_up
from emotion_client.pool import Pool, Replica
from emotion_client.prediction import Prediction
from emotion_client.protocol import ServerInfo
from emotion_client.song import SongPrediction, check_by
from emotion_client.waiting import wait_for

T = TypeVar("T")
DEFAULT_URL = "127.0.0.1:8001"
DEFAULT_TIMEOUT_S = 10.0
PROBE_TEXT = "la la la"


def reduce_to_settings(client: Any) -> tuple[Any, ...]:
    """Returns what pickle makes a copy of a client of either kind from."""
    kind: Callable[..., Any] = type(client)
    options = {"tls": client._tls, "headers": dict(client._headers)}
    return partial(kind, client.urls, timeout_s=client.timeout_s, **options), ()


class EmotionClient:
    """Classifies the emotion of texts on Triton servers over gRPC.

    The tokenizer and the labels come from the servers, with the first call. Thread-safe; also safe
    in processes that are forked while no other thread is in a call. It is pickled as its settings,
    headers included; the copy opens connections of its own.

    Args:
        url: "host:port" of the server's gRPC port, or a list of them. The entries of a list, and
            the addresses of a host that has several, are replicas: calls go to them in turn,
            except to those that fail.
        timeout_s: seconds that one call may take, with retries; above 0 and at most a day.
        tls: certificates for an encrypted connection; None for a plain one.
        headers: sent with every call, for a proxy or Triton's restricted protocols.

    Raises:
        ValueError: `url` is not "host:port", `timeout_s` is out of range, or a header is invalid.

    Example:
        >>> with EmotionClient("127.0.0.1:8001") as client:
        ...     label, confidence = client.predict("I danced all night and the stars danced too")
        >>> label
        'joy'
    """

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        tls: TLS | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.urls = check_urls(url)
        self.timeout_s = check_timeout(timeout_s)
        self._tls, self._headers = tls, check_headers(headers)
        self._lock = Lock()
        self._pool: Pool | None = None
        self._abandoned: list[Pool] = []
        _CLIENTS.add(self)

    @property
    def url(self) -> str:
        """The address, or all addresses separated by commas."""
        return ",".join(self.urls)

    @property
    def info(self) -> ServerInfo | None:
        """What a server said last about its checkpoint; None before the first call."""
        return self._open().info

    def connect(self) -> ServerInfo:
        """Asks a server what it serves, unless that is known.

        Raises:
            DeadlineExceeded: there was no answer within `timeout_s`.
            Unavailable: not reachable, or the server is starting, stopping or broken.
            WrongServer: not a Triton with these models, another protocol, or access denied.
        """
        return self._ask(info_job())

    def is_ready(self) -> bool:
        """Returns whether a server gives a real answer now, without retries."""
        pool = self._open()
        flow = probe(pool, text_job(PROBE_TEXT), deadline=Deadline.after(self.timeout_s))
        return self._run(flow, pool=pool)

    def predict(self, text: str) -> Prediction:
        """Returns the emotion of one text.

        Args:
            text: any text, also an empty one, of at most 1 MiB as UTF-8. The model reads its first
                max_length tokens.

        Raises:
            InvalidInput: `text` is not a string, has a lone surrogate, or is too large.
            DeadlineExceeded: there was no answer within `timeout_s`.
            Overloaded: no memory for the request, a proxy's limit, or a limit of the queue.
            Unavailable: not reachable, or the server is starting, stopping or broken.
            WrongServer: not a Triton with these models, another protocol, or access denied.
            OSError: a file of `tls` cannot be read.
            RevisionChanged: until the deadline, the server refused the checkpoint that it names.
            ServerError: the server failed on this request.

        Example:
            >>> with EmotionClient("127.0.0.1:8001") as client:
            ...     prediction = client.predict("Rain on the roof, and nobody home")
            >>> prediction.label, prediction.num_tokens, prediction.truncated
            ('sadness', 10, False)
        """
        check_text(text)
        return self._ask(text_job(text))

    @overload
    def predict_many(
        self, texts: Iterable[str], *, on_error: Literal["raise"] = "raise"
    ) -> Iterator[Prediction]: ...

    @overload
    def predict_many(
        self, texts: Iterable[str], *, on_error: Literal["return"]
    ) -> Iterator[Prediction | EmotionError]: ...

    def predict_many(
        self, texts: Iterable[str], *, on_error: Literal["raise", "return"] = "raise"
    ) -> Iterator[Prediction | EmotionError]:
        """Yields the emotion of each text in order, for any number of texts.

        Texts of similar length share a request. Up to 1,024 texts are read ahead of the results;
        nothing else is kept. Each request has its own deadline of `timeout_s`.

        Args:
            texts: any iterable of texts.
            on_error: "raise" raises the first error, after the results of the texts before it;
                "return" yields an error in place of its result and goes on.

        Raises:
            InvalidInput: a text is invalid (the message has its position), or `texts` is not an
                iterable of texts.
            ValueError: `on_error` is something else.
            EmotionError: as documented in `predict`.

        Example:
            >>> with EmotionClient("127.0.0.1:8001") as client:
            ...     for label, confidence in client.predict_many(["I adore you", "Get out!"]):
            ...         print(label)
            love
            anger
        """
        check_texts(texts)
        return self._predict_many(iter(texts), is_returned=check_on_error(on_error))

    def predict_song(
        self, lyrics: str, *, by: Literal["auto", "stanzas", "windows"] = "auto"
    ) -> SongPrediction:
        r"""Returns the emotion of a whole song and of each of its parts.

        Args:
            lyrics: a text of up to 1 MiB as UTF-8. Marks such as "[Chorus]" and "(x2)" become names
                and repeats of parts.
            by: how to split: "stanzas", overlapping "windows" of the model's max_length, or stanzas
                if there are any ("auto").

        Raises:
            ValueError: `by` is something else.
            EmotionError: as documented in `predict`.

        Example:
            >>> with EmotionClient("127.0.0.1:8001") as client:
            ...     song = client.predict_song("I miss you\n\n[Chorus] (x2)\nI love you")
            >>> [(part.name, part.repeats, part.prediction.label) for part in song.parts]
            [(None, 1, 'sadness'), ('Chorus', 2, 'love')]
        """
        check_text(lyrics, name="lyrics")
        check_by(by)
        return self._ask(song_job(lyrics, by=by))

    def close(self) -> None:
        """Closes the connections, which ends calls in flight; a later call opens them again."""
        with self._lock:
            pool, self._pool = self._pool, None
            if pool is None:
                return
            pool.is_closed = True
        for replica in pool.replicas:
            if replica.connection is not None:
                replica.connection.channel.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_to_settings(self)

    def __enter__(self) -> EmotionClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _predict_many(
        self, texts: Iterator[object], *, is_returned: bool
    ) -> Iterator[Prediction | EmotionError]:
        workers = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="emotion")
        under_way: deque[tuple[Window, list[Future[None]]]] = deque()
        try:
            window = None
            while window is None or not window.is_last:
                window = Window.after(window)
                window.fill(texts, is_returned=is_returned)
                groups = self._group(window)
                under_way.append((window, [self._start(each, workers) for each in groups]))
                if window.first == 0 or len(under_way) > 1:
                    yield from _collect(under_way.popleft(), is_returned=is_returned)
            while under_way:
                yield from _collect(under_way.popleft(), is_returned=is_returned)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)

    def _group(self, window: Window) -> list[Group]:
        if not window.is_open():
            return []
        try:
            return group(window, info=self.info or self.connect())
        except ServiceError as error:
            window.fail(error)
            return []

    def _start(self, one: Group, workers: ThreadPoolExecutor) -> Future[None]:
        context = contextvars.copy_context()  # the caller's trace is in it
        try:
            return workers.submit(context.run, self._settle, one)
        except RuntimeError:  # the interpreter is shutting down, and starts no threads any more
            done: Future[None] = Future()
            self._settle(one)
            done.set_result(None)
            return done

    def _settle(self, one: Group) -> None:
        try:
            one.settle(self._ask(one.job))
        except EmotionError as error:
            one.settle(error)

    def _ask(self, job: Job[T]) -> T:
        pool = self._open()
        return self._run(ask(pool, job, deadline=Deadline.after(self.timeout_s)), pool=pool)

    def _forget(self) -> None:
        """Leaves the parent process's connections alone; called in a forked child."""
        self._lock = Lock()  # a thread of the parent may have held it
        if self._pool is not None:
            self._abandoned.append(self._pool)
        self._pool = None

    def _open(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = Pool(self.urls)
            return self._pool

    def _run(self, flow: Flow[T], *, pool: Pool) -> T:
        try:
            command = next(flow)
            while True:
                try:
                    result = self._perform(command, pool=pool)
                except BaseException as error:
                    command = flow.throw(error)
                else:
                    command = flow.send(result)
        except StopIteration as done:
            value: T = done.value
            return value

    def _perform(self, command: Command, *, pool: Pool) -> Any:
        if isinstance(command, Infer):
            return self._infer(command, pool=pool)
        if isinstance(command, LookUp):
            return look_up(command.url, timeout_s=command.timeout_s)
        if isinstance(command, Compute):
            return command.function()
        return time.sleep(command.seconds)

    def _infer(self, command: Infer, *, pool: Pool) -> Any:
        connection = self._connection(command.replica, pool=pool)
        try:
            return connection.infer(
                command.request,
                timeout=command.timeout_s,
                metadata=complete_headers(self._headers, is_bulk=command.is_bulk),
            )
        except grpc.RpcError as error:
            url = str(command.replica.address)
            raise translate(error.code().name, error.details(), url=url) from error
        except ValueError:  # the channel was closed
            pool.check_open()
            raise

    def _connection(self, replica: Replica, *, pool: Pool) -> Connection:
        with self._lock:
            pool.check_open()
            if replica.connection is None:
                replica.connection = Connection(replica.address, tls=self._tls, module=grpc)
            found: Connection = replica.connection
            return found


_CLIENTS: WeakSet[EmotionClient] = WeakSet()


def _forget_parent() -> None:
    for client in list(_CLIENTS):
        client._forget()


os.register_at_fork(after_in_child=_forget_parent)  # before the child has a second thread


def _collect(
    under_way: tuple[Window, list[Future[None]]], *, is_returned: bool
) -> Iterator[Prediction | EmotionError]:
    window, settled = under_way
    for each in settled:
        wait_for(each)
    return window.read(is_returned=is_returned)
