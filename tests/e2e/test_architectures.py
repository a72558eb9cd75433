"""Every architecture with a sequence classifier in transformers, small, on the real Triton.

docs/architectures.md lists how each is served; each test holds its own line against what it finds.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ARCHITECTURES, MAX_LENGTH, build_architecture
from conftest import copy_repository
from e2e.calls import infer, text_inputs
from emotion_client import EmotionClient, EmotionError, InvalidInput, Prediction
from emotion_client.channel import open_triton
from emotion_command.checkout import ROOT
from emotion_engine.encoder import load_encoder
from emotion_engine.layout import LAYOUTS
from emotion_server.address import FREE_PORTS
from emotion_server.triton_server import TritonServer
from emotion_training.checkpoint.prepare import prepare
from emotion_training.errors import PrepareError
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from tritonclient.utils import InferenceServerException

from checkpoints import TEXTS

PAGE = ROOT / "docs" / "architectures.md"
QUICK = ("bart", "gpt2")
TOLERANCE = 1e-5
needs_detectron2 = pytest.mark.skip(reason="needs detectron2")


def mark(name):
    marks = [] if name in QUICK else [pytest.mark.long]
    return pytest.param(name, marks=[*marks, *([needs_detectron2] if name == "layoutlmv2" else [])])


@pytest.mark.parametrize("name", [mark(name) for name in ARCHITECTURES])
def test_answers_are_those_of_plain_transformers_alone_and_together(name, tmp_path):
    source = build_architecture(name, tmp_path / "source")
    quick = {"dtype": "float32", "max_batch_tokens": "128"}  # few sizes to warm up
    repository = copy_repository(tmp_path / "repository", parameters=quick)
    folder = repository / "emotion" / "1" / "checkpoint"
    try:
        prepare(str(source), target=folder, max_length=MAX_LENGTH)
    except PrepareError as error:
        check_page(name, f"refused: {error}")
        return
    expected = ask_plainly(source)
    with (
        TritonServer(repository, address=FREE_PORTS) as server,
        EmotionClient(server.address.url, timeout_s=60) as client,
    ):
        alone = [ask(client, text) for text in TEXTS]
        together = list(client.predict_many(TEXTS, on_error="return"))
        if isinstance(alone[0], InvalidInput):  # a decoder's tokenizer makes nothing of ""
            with open_triton(server.address.url) as triton:
                for inputs in (text_inputs(""), text_inputs("la", "")):
                    with pytest.raises(InferenceServerException, match="text has no token"):
                        infer(triton, "emotion_text", inputs)
    for i, answer in enumerate(expected):
        for found in (alone[i], together[i]):
            if isinstance(found, Prediction) and answer is not None:
                scores = [*found.scores.values()]
                np.testing.assert_allclose(scores, answer, atol=TOLERANCE, err_msg=TEXTS[i])
        assert isinstance(alone[i], Prediction) or answer is None, (i, alone[i])
    if isinstance(alone[0], InvalidInput) or all(answer is not None for answer in expected):
        is_answered = [isinstance(each, Prediction) for each in together]
        assert is_answered == [answer is not None for answer in expected]
    assert sum(answer is not None for answer in expected) > len(TEXTS) / 2
    check_page(name, describe(folder, name=name))


def ask_plainly(source):
    """Returns plain transformers' probabilities of each text; None where it has no answer."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float32).eval()
    answers = []
    for text in TEXTS:
        inputs = tokenizer(text, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        try:
            with torch.inference_mode():
                answers.append(model(**inputs).logits.softmax(dim=1)[0].numpy())
        except Exception:
            answers.append(None)
    return answers


def ask(client, text):
    try:
        return client.predict(text)
    except EmotionError as error:
        return error


def describe(folder: Path, *, name: str) -> str:
    """Returns how an architecture is served, as the page says it."""
    encoder = load_encoder(
        folder, device="cpu", dtype="float32", wanted="torch", max_length=MAX_LENGTH
    )
    if "padding" in encoder.name:
        return "padded"
    if "one length" in encoder.name:
        return "by length"
    return "packed, C++" if name in LAYOUTS else "packed"


def check_page(name, how):
    lines = PAGE.read_text().splitlines()
    assert f"| {name} | {how} |" in lines
