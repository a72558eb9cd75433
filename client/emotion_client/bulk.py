"""Many texts, window by window: collected, grouped by length, put back in order. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emotion_client.arguments import check_text
from emotion_client.calls import Job
from emotion_client.errors import EmotionError, InvalidInput
from emotion_client.jobs import texts_job
from emotion_client.prediction import Prediction
from emotion_client.protocol import ServerInfo
from emotion_client.tokenizer import EMPTY

# Texts read ahead of the results: few at first, so that results come soon, then enough to find
# texts of similar length. Two windows are in flight at a time.
FIRST_WINDOW, MAX_WINDOW = 64, 512
# A tokenized character takes about 80 bytes until it is sent.
MAX_WINDOW_CHARS = 1 << 18
# Rows per request: half of a server batch, so that two callers can share one.
ROWS_PER_REQUEST = 32
# Requests of one `predict_many` in flight at a time.
MAX_IN_FLIGHT = 4


@dataclass
class Window:
    """Consecutive texts.

    Args:
        first: position of the first text among all texts.

    Attributes:
        size: the maximum number of texts.
        results: the prediction or error of each text; None until there is one.
        texts: the texts; "" in place of an invalid one.
        num_chars: of all texts.
        failure: what the caller's iterable raised after these texts.
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
        """Returns the next window, empty and twice as large up to a limit."""
        if previous is None:
            return cls(first=0, size=FIRST_WINDOW)
        size = min(MAX_WINDOW, 2 * previous.size)
        return cls(first=previous.first + len(previous.texts), size=size)

    def add(self, text: object, *, is_returned: bool) -> bool:
        """Adds one text; returns whether there is room for another.

        Args:
            text: any object; an invalid one gets its error.
            is_returned: whether errors are yielded as results; if not, the first one ends it.
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
        """Adds texts until it is full or there are no more; `is_returned` as in `add`."""
        try:
            while self.add(next(texts), is_returned=is_returned):
                pass
        except StopIteration:
            self.end()
        except Exception as error:  # the caller's; raised after the results before it
            self.end(failure=error)

    def end(self, *, failure: BaseException | None = None) -> None:
        """Marks that no text follows; `failure` is what the caller's iterable raised."""
        self.is_last, self.failure = True, failure

    def is_open(self) -> bool:
        """Returns whether any text has no result yet."""
        return None in self.results

    def fail(self, error: EmotionError) -> None:
        """Sets the error as the result of every text that has none yet."""
        self.results = [error if result is None else result for result in self.results]

    def read(self, *, is_returned: bool) -> Iterator[Prediction | EmotionError]:
        """Yields the results in order; raises the first error unless errors are results."""
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
        window: the window.
        positions: indexes of the texts in it.
        job: classifies them.
    """

    window: Window
    positions: Sequence[int]
    job: Job[list[Prediction]]

    def settle(self, outcome: list[Prediction] | EmotionError) -> None:
        """Stores the predictions, or the error that all these texts share, in the window."""
        for i, position in enumerate(self.positions):
            one = outcome if isinstance(outcome, EmotionError) else outcome[i]
            self.window.results[position] = one


def group(window: Window, *, info: ServerInfo) -> list[Group]:
    """Tokenizes the texts of a window and groups those of similar length."""
    positions = [i for i, result in enumerate(window.results) if result is None]
    encodings = info.tokenizer.encode([window.texts[i] for i in positions])
    found = dict(zip(positions, encodings, strict=True))
    for i in positions:
        if not found[i].input_ids:
            window.results[i] = InvalidInput(f"text {window.first + i} {EMPTY}")
    positions = [i for i in positions if window.results[i] is None]
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
