"""The jobs for `calls.ask`: one text, several texts, a song, or only what is served."""

from __future__ import annotations

from collections.abc import Sequence

from emotion_client.calls import Job, Work
from emotion_client.prediction import Prediction
from emotion_client.protocol import ServerInfo
from emotion_client.song import SongPrediction, combine, plan_song
from emotion_client.tokenizer import Encoding


def text_job(text: str) -> Job[Prediction]:
    """Returns the job to classify one text."""

    def prepare(info: ServerInfo) -> Work[Prediction]:
        return Work(info.tokenizer.encode([text]), finish=lambda predictions: predictions[0])

    return Job(prepare, num_chars=len(text))


def texts_job(
    texts: Sequence[str], *, encodings: list[Encoding], revision: str
) -> Job[list[Prediction]]:
    """Returns the job to classify texts that are already tokenized.

    Args:
        texts: 1 to 64.
        encodings: of the texts, for `revision`; for another one they are tokenized again.
        revision: of the checkpoint, 64 hex digits.
    """

    def prepare(info: ServerInfo) -> Work[list[Prediction]]:
        is_known = info.revision == revision
        own = encodings if is_known else info.tokenizer.encode(texts)
        return Work(own, finish=lambda predictions: predictions)

    return Job(prepare, num_chars=sum(map(len, texts)), is_bulk=True)


def song_job(lyrics: str, *, by: str) -> Job[SongPrediction]:
    """Returns the job to classify a whole song.

    Args:
        lyrics: the song.
        by: as in `plan_song`.
    """

    def prepare(info: ServerInfo) -> Work[SongPrediction]:
        pieces = plan_song(lyrics, by=by, tokenizer=info.tokenizer)
        own = {id(piece.encoding): piece.encoding for piece in pieces}  # a chorus is sent once

        def finish(predictions: list[Prediction]) -> SongPrediction:
            found = dict(zip(own, predictions, strict=True))
            return combine(pieces, predictions=[found[id(piece.encoding)] for piece in pieces])

        return Work(list(own.values()), finish=finish)

    return Job(prepare, num_chars=len(lyrics))


def info_job() -> Job[ServerInfo]:
    """Returns a job that sends no text: its result is what the server serves."""
    return Job(lambda info: Work([], finish=lambda predictions: info), num_chars=0)
