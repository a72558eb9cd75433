"""What is sent for a text, and what is read from an answer."""

import json

import pytest
from emotion_benchmarks.comparison.exchange import (
    Answer,
    infinity,
    parse_pair,
    plain_text,
    text_field,
    triton,
)

TEXT = 'Ніч and "rain"\nfalls'
TRITON = triton("m", tensor="text", shape=[1, 1], outputs=("label", "confidence"))
TRITON_ANSWER = {
    "outputs": [{"name": "confidence", "data": [0.5]}, {"name": "label", "data": ["joy"]}]
}
CLASSES = [{"label": "fear", "score": 0.2}, {"label": "joy", "score": 0.5}]


@pytest.mark.parametrize(
    ("exchange", "body"),
    [
        (text_field("/"), b'{"label": "joy", "score": 0.5}'),
        (plain_text("/"), b'{"label": "joy", "score": 0.5}'),
        (plain_text("/", parse=parse_pair), b"joy=0.5"),
        (infinity("/"), json.dumps({"data": [CLASSES]}).encode()),
        (TRITON, json.dumps(TRITON_ANSWER).encode()),
    ],
    ids=["field", "plain", "pair", "infinity", "triton"],
)
def test_parse_finds_label_and_confidence(exchange, body):
    assert exchange.parse(body) == Answer("joy", 0.5)


@pytest.mark.parametrize(
    ("exchange", "wanted"),
    [
        (text_field("/"), {"text": TEXT}),
        (infinity("/"), {"input": [TEXT]}),
        (
            TRITON,
            {
                "inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [TEXT]}],
                "outputs": [{"name": "label"}, {"name": "confidence"}],
            },
        ),
    ],
    ids=["field", "infinity", "triton"],
)
def test_build_sends_the_text_as_it_is(exchange, wanted):
    assert json.loads(exchange.build(TEXT)) == wanted


def test_plain_text_is_utf8():
    assert plain_text("/").build(TEXT).decode() == TEXT
