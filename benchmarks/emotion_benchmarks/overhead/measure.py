"""Measures request overhead on three servers, one after another."""

from __future__ import annotations

import gc
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_client import EmotionClient
from emotion_client.channel import open_triton
from emotion_client.tokenizer import TextTokenizer
from emotion_command.checkout import DATA
from emotion_command.errors import Refusal
from emotion_engine.checkpoint import Checkpoint
from emotion_loadtest.server import open_server
from emotion_loadtest.texts import LYRICS, Mix, build_mix, count_with, make_lyrics, read_own_texts

from emotion_benchmarks.overhead.bare_load import BareLoad, open_senders
from emotion_benchmarks.overhead.lone_requests import (
    ask_settings,
    load_engine,
    time_each,
    time_pairs,
)
from emotion_benchmarks.overhead.repositories import (
    build_distilbert_repository,
    build_empty_repository,
)
from emotion_benchmarks.overhead.result import (
    DISTILBERT_RATES,
    MANY_ROWS,
    PAIR_LEN,
    Latencies,
    Lone,
    Rates,
    Result,
    summarize_times,
)
from emotion_benchmarks.overhead.steps import trace
from emotion_benchmarks.rounds import rotate

WARM_UP_REQUESTS = 200
ROW_LEN = 16


@dataclass(frozen=True)
class Texts:
    """What is asked.

    Attributes:
        lyrics: the lyric mix.
        fixed: texts by their number of tokens.
    """

    lyrics: Mix
    fixed: Mapping[int, Sequence[str]]


@dataclass(frozen=True)
class Bench:
    """Measures on servers that it starts and stops.

    Attributes:
        checkpoint: the prepared one.
        num_requests: to the empty model, of each size and by each sender.
        num_rounds: that these are cut into.
        report: gets lines of progress.
        check: called between calls; raises if a Ctrl-C was discarded.
    """

    checkpoint: Checkpoint
    num_requests: int
    num_rounds: int
    report: Callable[[str], None]
    check: Callable[[], None]

    def measure(self, texts: Texts) -> Result:
        """Measures everything.

        Raises:
            StartError: a server cannot start.
            EmotionError: a server stopped answering.
        """
        single, many = self._measure_empty()
        return Result(single, many, self._measure_lone(texts), self._measure_distilbert(texts))

    def _measure_empty(self) -> tuple[Rates, Rates]:
        self.report("the empty model")
        with tempfile.TemporaryDirectory(prefix="emotion-empty-") as folder:
            repository = build_empty_repository(Path(folder))
            with open_server(None, report=self.report, repository=repository) as url:
                single = self._measure_rates(url, num_rows=1)
                return single, self._measure_rates(url, num_rows=MANY_ROWS)

    def _measure_rates(self, url: str, *, num_rows: int) -> Rates:
        load = BareLoad(num_rows=num_rows, row_len=ROW_LEN)
        num_rounds = self.num_rounds
        num_requests = self.num_requests // num_rounds
        with open_senders(url) as senders:
            for send in senders.values():
                send(load, WARM_UP_REQUESTS)
            rates: dict[str, list[float]] = {name: [] for name in senders}
            for i in range(num_rounds):
                for name in rotate(list(senders), round_number=i):
                    self.check()
                    gc.collect()  # garbage of others must not be collected on this one's time
                    start_s = time.perf_counter()
                    senders[name](load, num_requests)
                    rate = num_requests * num_rows / (time.perf_counter() - start_s)
                    rates[name].append(rate)
                    what = f"{num_rows} row{'s' * (num_rows != 1)} a request, round {i + 1}"
                    self.report(f"{what} of {num_rounds}: {name} {rate:,.0f} rows/s")
        return rates

    def _measure_lone(self, texts: Texts) -> Lone:
        self.report("the real model")
        start_s = time.perf_counter()
        with (
            open_server(None, report=self.report) as url,
            EmotionClient(url) as client,
            open_triton(url) as server,
        ):
            ready_s = time.perf_counter() - start_s
            client.connect()
            lyrics = time_each(client.predict, texts.lyrics.rounds[0], check=self.check)
            self.report(texts.lyrics.describe())
            self.report("loading the engine into this process, and warming it up")
            engine = load_engine(self.checkpoint, settings=ask_settings(server))
            fixed = texts.fixed[PAIR_LEN]
            self.report(f"{len(fixed):,} texts of {PAIR_LEN} tokens, by client and engine in turn")
            pairs = time_pairs(client, fixed, predict=engine.predict, check=self.check)
            self.report("the same texts, step by step")
            steps = trace(client, server, texts=fixed, check=self.check)
        asked, computed = map(summarize_times, pairs)
        return Lone(ready_s, summarize_times(lyrics), asked, computed, steps)

    def _measure_distilbert(self, texts: Texts) -> dict[int, Latencies]:
        self.report("a DistilBERT with random weights")
        times = {}
        with tempfile.TemporaryDirectory(prefix="emotion-distilbert-") as folder:
            repository = build_distilbert_repository(Path(folder), checkpoint=self.checkpoint)
            with (
                open_server(None, report=self.report, repository=repository) as url,
                EmotionClient(url) as client,
            ):
                client.connect()
                for num_tokens, own in texts.fixed.items():
                    self.report(f"{len(own):,} texts of {num_tokens} tokens")
                    times_s = time_each(client.predict, own, check=self.check)
                    times[num_tokens] = summarize_times(times_s)
        return times


def read_texts(checkpoint: Checkpoint, *, num_texts: int, num_pairs: int, seed: int) -> Texts:
    """Makes the lyrics, and finds texts of 128, 64 and 32 tokens.

    Args:
        checkpoint: whose tokenizer counts.
        num_texts: lyrics.
        num_pairs: texts of each fixed length.
        seed: another one makes other texts.

    Raises:
        Refusal: no text has one of these lengths.
        DataError: the project's texts are missing.
        TextError: the lyrics cannot be made from them.
    """
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    count = count_with(tokenizer)
    verses, messages = read_own_texts("verses"), read_own_texts("messages")
    rng = random.Random(seed)  # noqa: S311 - no secret
    lyrics = make_lyrics(verses, sizes=[num_texts], count=count, rng=rng)
    mix = build_mix(LYRICS, lyrics, count=count)
    texts = [*verses, *messages, *mix.rounds[0]]
    lens = [min(num, checkpoint.max_length) for num in count(texts)]
    fixed = {}
    for wanted in DISTILBERT_RATES:
        found = [text for text, num in zip(texts, lens, strict=True) if num == wanted]
        if not found:
            raise Refusal(
                f"no text made from {DATA} has {wanted} tokens with the prepared checkpoint's "
                "tokenizer; give more --texts, or prepare another checkpoint"
            )
        fixed[wanted] = rng.choices(found, k=num_pairs)
    return Texts(mix, fixed)
