"""The project's own texts, and what counts their tokens."""

from __future__ import annotations

from emotion_client import EmotionClient
from fake_server import FakeServer
from own_texts import count_with


def test_count_has_special_tokens_and_no_limit(fake: FakeServer) -> None:
    with EmotionClient(fake.url) as client:
        count = count_with(client.connect().tokenizer)
    assert count(["", "la la", "la " * 300]) == [2, 4, 302]
