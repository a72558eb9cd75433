"""An iterator that works ahead of its user, in another thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
CHECK_S = 0.1


class _End:
    """The last item: why there are no more."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(items: Iterable[T], *, num_ahead: int) -> Iterator[T]:
    """Yields the items, which another thread makes; it stops if the iterator is closed.

    Args:
        items: what to yield. An error that it raises is raised after the items before it.
        num_ahead: items that wait at most.
    """
    queue: Queue[T | _End] = Queue(num_ahead)
    is_closed = Event()
    thread = Thread(target=_fill, args=(queue, items, is_closed), name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := _take(queue, thread), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        is_closed.set()
        thread.join()


def _take(queue: Queue[T | _End], thread: Thread) -> T | _End:
    """Waits for an item in short steps: a signal is not handled inside a long wait everywhere."""
    while True:
        try:
            return queue.get(timeout=CHECK_S)
        except Empty:
            assert thread.is_alive() or not queue.empty(), "its last item is an _End"


def _fill(queue: Queue[T | _End], items: Iterable[T], is_closed: Event) -> None:
    end = _End()
    try:
        for item in items:
            if not _put(queue, item, is_closed=is_closed):
                return
    except BaseException as error:
        end = _End(error)
    _put(queue, end, is_closed=is_closed)


def _put(queue: Queue[T | _End], item: T | _End, *, is_closed: Event) -> bool:
    """Returns whether the item was taken by the queue before it was closed."""
    while not is_closed.is_set():
        try:
            queue.put(item, timeout=CHECK_S)
        except Full:
            continue
        return True
    return False
