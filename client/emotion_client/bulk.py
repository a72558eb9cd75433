"""Many texts, a window at a time: collected, grouped by length, and put back in order. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emotion_client.arguments import check_text
from emotion_client.calls import Job
from emotion_client.errors import EmotionError
from emotion_client.jobs import texts_job
from emotion_client.prediction import Prediction
from emotion_client.protocol import ServerInfo

# Texts that are read ahead of the results: few at first, whose results are not waited for, then
# enough to find others of like length. Two windows are under way at a time.
FIRST_WINDOW, MAX_WINDOW = 64, 512
# A tokenized character takes some 80 bytes until it is sent.
MAX_WINDOW_CHARS = 1 << 18
# Rows of a request: half a batch of the server, so that two callers can share one.
ROWS_PER_REQUEST = 32
# Requests of one `predict_many` that are under way at a time.
MAX_IN_FLIGHT = 4


@dataclass
class Window:
    """Texts that follow each other.

    Args:
        first: position of the first one among all texts.

    Attributes:
        size: most texts that it takes.
        results: a result for each text, or its error; None where there is none yet.
        texts: the texts; "" in the place of what is none.
        num_chars: of all texts.
        failure: what the caller's iterable raised behind these texts.
        is_last: whether no text follows.
    """

    first: int
    size: int
    results: list[Prediction | EmotionError | None] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    num_chars: int = 0
    failure: BaseException | None = None
    is_last: bool = False

    @classmethod
    def after(cls, previous: Window | None) -> Window:
        """Returns the empty window that follows, twice as large up to a limit."""
        if previous is None:
            return cls(first=0, size=FIRST_WINDOW)
        size = min(MAX_WINDOW, 2 * previous.size)
        return cls(first=previous.first + len(previous.texts), size=size)

    def add(self, text: object, *, is_returned: bool) -> bool:
        """Takes one text; returns whether there is room for another.

        Args:
            text: any object; what is no text gets its error.
            is_returned: whether errors are results; otherwise the first one is the end.
        """
        try:
            check_text(text, name=f"text {self.first + len(self.texts)}")
        except EmotionError as error:
            self.texts.append("")
            self.results.append(error)
            self.is_last = not is_returned
        else:
            assert isinstance(text, str)
            self.texts.append(text)
            self.results.append(None)
        self.num_chars += len(self.texts[-1])
        is_full = len(self.texts) >= self.size or self.num_chars >= MAX_WINDOW_CHARS
        return not self.is_last and not is_full

    def fill(self, texts: Iterator[object], *, is_returned: bool) -> None:
        """Takes texts until there is no room, or no further text; `is_returned` as for `add`."""
        try:
            while self.add(next(texts), is_returned=is_returned):
                pass
        except StopIteration:
            self.end()
        except Exception as error:  # the caller's own; it comes after the results before it
            self.end(failure=error)

    def end(self, *, failure: BaseException | None = None) -> None:
        """Says that no text follows, perhaps because the caller's iterable raised something."""
        self.is_last, self.failure = True, failure

    def is_open(self) -> bool:
        """Returns whether a text has no result yet."""
        return None in self.results

    def fail(self, error: EmotionError) -> None:
        """Gives one error to all texts that have no result yet."""
        self.results = [error if result is None else result for result in self.results]

    def read(self, *, is_returned: bool) -> Iterator[Prediction | EmotionError]:
        """Yields the results in order, and raises the first error unless errors are results."""
        for result in self.results:
            assert result is not None, "all groups are settled"
            if isinstance(result, EmotionError) and not is_returned:
                raise result
            yield result
        if self.failure is not None:
            raise self.failure


@dataclass(frozen=True)
class Group:
    """Texts of a window that share a request.

    Attributes:
        window: where they are from.
        positions: their places in it.
        job: to classify them.
    """

    window: Window
    positions: Sequence[int]
    job: Job[list[Prediction]]

    def settle(self, outcome: list[Prediction] | EmotionError) -> None:
        """Puts the predictions, or the error that all of them share, in their places."""
        for i, position in enumerate(self.positions):
            one = outcome if isinstance(outcome, EmotionError) else outcome[i]
            self.window.results[position] = one


def group(window: Window, *, info: ServerInfo) -> list[Group]:
    """Tokenizes the texts of a window and puts those of like length together."""
    positions = [i for i, result in enumerate(window.results) if result is None]
    encodings = info.tokenizer.encode([window.texts[i] for i in positions])
    found = dict(zip(positions, encodings, strict=True))
    positions.sort(key=lambda i: len(found[i].input_ids))
    groups = []
    for start in range(0, len(positions), ROWS_PER_REQUEST):
        own = positions[start : start + ROWS_PER_REQUEST]
        job = texts_job(
            [window.texts[i] for i in own],
            encodings=[found[i] for i in own],
            revision=info.revision,
        )
        groups.append(Group(window, own, job))
    return groups
