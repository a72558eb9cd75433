"""A fake `EmotionClient`, without a server and stricter than the real one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from emotion_client import TLS, EmotionError, InvalidInput, Prediction, ServerInfo, SongPrediction
from emotion_client.arguments import check_text
from emotion_client.client import PROBE_TEXT
from emotion_client.song import Part, Piece, combine
from emotion_client.tokenizer import Encoding

LABELS = ("joy", "sadness")
REVISION = "a" * 64
READ_AHEAD = 3


def predict(share: float = 0.75, *, num_tokens: int = 8, max_length: int = 128) -> Prediction:
    """Returns a prediction with this probability of joy; the rest is sadness."""
    scores = {"joy": share, "sadness": 1 - share}
    label = max(scores, key=scores.__getitem__)
    truncated = num_tokens > max_length
    return Prediction(label, scores[label], scores, num_tokens, truncated, REVISION)


def build_song(*parts: Part) -> SongPrediction:
    """Returns the song of these parts."""
    pieces = [
        Piece(each.name, each.repeats, each.start, each.end, Encoding([], num_tokens, False))
        for each in parts
        for num_tokens in [each.prediction.num_tokens]
    ]
    return combine(pieces, predictions=[part.prediction for part in parts])


@dataclass
class Service:
    """Answers all clients of a test, and records what they asked.

    Attributes:
        answers: what is raised or yielded instead of a prediction of joy, by text.
        failure: raised by every call.
        is_ready: what `is_ready` says.
        clients: all clients so far.
        texts: all texts so far, in the order in which they were read.
        problem_type: of the checkpoint.
    """

    answers: dict[str, Prediction | BaseException] = field(default_factory=dict)
    failure: BaseException | None = None
    is_ready: bool = True
    clients: list[Client] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    problem_type: str = "single_label_classification"

    def answer(self, text: str) -> Prediction:
        answer = self.answers.get(text, predict())
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Client:
    """A fake `EmotionClient`; it must be open when it is used."""

    service: Service

    def __init__(
        self, url: str | list[str], *, timeout_s: float, tls: TLS | None, headers: Mapping[str, str]
    ) -> None:
        self.urls = [url] if isinstance(url, str) else url
        self.timeout_s, self.tls, self.headers = timeout_s, tls, headers
        self.is_open = False
        self.num_open_iterators = 0
        self.service.clients.append(self)

    @property
    def url(self) -> str:
        return ",".join(self.urls)

    def connect(self) -> ServerInfo:
        self._check()
        return ServerInfo(LABELS, 128, self.service.problem_type, REVISION, None)  # type: ignore[arg-type]

    def is_ready(self) -> bool:
        assert self.is_open
        return self.service.is_ready

    def predict(self, text: str) -> Prediction:
        self._check()
        check_text(text)
        if text != PROBE_TEXT:
            self.service.texts.append(text)
        return self.service.answer(text)

    def predict_many(self, texts: Iterable[str], *, on_error: str) -> Iterator[object]:
        assert on_error == "return"
        self._check()
        self.num_open_iterators += 1
        try:
            ahead: deque[tuple[int, str]] = deque()
            for numbered in enumerate(texts):
                ahead.append(numbered)
                if len(ahead) > READ_AHEAD:
                    yield self._answer(*ahead.popleft())
            while ahead:
                yield self._answer(*ahead.popleft())
        finally:
            self.num_open_iterators -= 1

    def predict_song(self, lyrics: str, *, by: str) -> SongPrediction:
        self._check()
        check_text(lyrics)
        self.service.texts.append(lyrics)
        part = Part(None, 1, 0, len(lyrics), self.service.answer(lyrics))
        return build_song(part, Part(by, 2, 0, len(lyrics), predict(0.25)))

    def __enter__(self) -> Client:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        assert not self.num_open_iterators
        self.is_open = False

    def _check(self) -> None:
        assert self.is_open
        if self.service.failure is not None:
            raise self.service.failure

    def _answer(self, position: int, text: str) -> Prediction | EmotionError:
        try:
            check_text(text, name=f"text {position}")
        except InvalidInput as error:
            return error
        self.service.texts.append(text)
        try:
            return self.service.answer(text)
        except EmotionError as error:
            return error
