"""Compares a written checkpoint with its source: its tokenizer, and its predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from emotion_engine.checkpoint import Checkpoint
from numpy.typing import NDArray

from emotion_training.errors import PrepareError
from emotion_training.wording import first_line

TOLERANCE = 1e-4
MAX_DRIFT = 0.03
"""The most by which a probability in bfloat16 may differ from float32; beyond, float32 serves."""
PROBES = (
    "",
    "I danced all night and the stars danced too",
    "HELLO Darkness\tmy  old\nfriend, Ünïcödé naïve façade",
    "Слёзы капают на письмо",
    "夜の海はとても静かだ",
    "🎸🔥 la la la 🎶 <pad> [MASK] </s>",
    "rain on the window and " * 200,
)


def compare_tokenizers(checkpoint: Checkpoint, *, tokenizer: Any) -> None:
    """Compares the written tokenizer with AutoTokenizer, token by token.

    Raises:
        PrepareError: they differ.
    """
    from emotion_client.tokenizer import TextTokenizer

    written = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    for i, (text, encoding) in enumerate(zip(PROBES, written.encode(PROBES), strict=True)):
        expected = tokenizer(text, truncation=True, max_length=checkpoint.max_length)["input_ids"]
        if encoding.input_ids != expected:
            raise PrepareError(
                f"the written tokenizer.json reads probe {i} as {encoding.input_ids[:8]}..., "
                f"AutoTokenizer as {expected[:8]}...; please report this model"
            )


def compute_reference(
    checkpoint: Checkpoint, *, source: Any, tokenizer: Any, report: Callable[[str], None]
) -> tuple[list[NDArray[np.int64]], NDArray[np.float32]]:
    """Returns the ids of the probes, and plain transformers' probabilities in fp32, one by one.

    A probe of which the tokenizer makes no token, or which the architecture cannot compute, such
    as a very short one, is left out.

    Args:
        checkpoint: what was written.
        source: the model as transformers loads it.
        tokenizer: its tokenizer.
        report: gets a sentence if a text like a probe will have no answer.

    Returns:
        Ids (num_tokens,) int64 of each probe, and probabilities (num_probes, num_labels) float32.

    Raises:
        PrepareError: transformers cannot compute most probes.
    """
    import torch

    limit = {"truncation": True, "max_length": checkpoint.max_length, "return_tensors": "pt"}
    inputs = [each for each in (tokenizer(x, **limit) for x in PROBES) if each["input_ids"].numel()]
    name, source = type(source).__name__, source.float()
    answers, rows, refusal = [], [], ""
    for each in inputs:
        try:
            with torch.inference_mode():
                answers.append(source(**each).logits.float())
        except Exception as error:  # an architecture's own code raises anything
            refusal = f"a text of {each['input_ids'].numel()} tokens: {first_line(error)}"
        else:
            rows.append(each["input_ids"][0].numpy())
    if len(rows) <= len(inputs) / 2:
        raise PrepareError(f"{name} cannot compute {refusal or 'any text'}")
    if refusal:
        report(f"texts that {name} cannot compute get an error, such as {refusal}")
    logits = torch.cat(answers)
    if logits.shape != (len(rows), len(checkpoint.labels)):
        raise PrepareError(
            f"{name} gives logits {tuple(logits.shape)} for {len(rows)} texts; "
            f"expected {len(rows), len(checkpoint.labels)}"
        )
    is_multi_label = checkpoint.problem_type == "multi_label_classification"
    probabilities = logits.sigmoid() if is_multi_label else logits.softmax(dim=1)
    return rows, probabilities.numpy()


def compare_predictions(
    checkpoint: Checkpoint,
    *,
    rows: Sequence[NDArray[np.int64]],
    expected: NDArray[np.float32],
    dtype: str = "float32",
) -> float:
    """Returns the largest error in a probability of the engine on the written folder.

    Args:
        checkpoint: what was written.
        rows: ids of texts.
        expected: plain transformers' probabilities, (num_rows, num_labels) float32.
        dtype: to compute in.

    Raises:
        PrepareError: the engine cannot compute a row.
    """
    from emotion_engine.classifier import Classifier
    from emotion_engine.settings import EngineSettings

    settings = EngineSettings(dtype=dtype, max_batch_tokens=8 * checkpoint.max_length)
    outcome = Classifier.load(checkpoint, settings=settings).predict(rows)
    for failure in outcome.failures.values():
        raise PrepareError(f"the written checkpoint cannot be computed in {dtype}: {failure}")
    return float(np.abs(outcome.probabilities - expected).max())


def check_error(error: float) -> None:
    """Refuses a checkpoint whose answers in fp32 are not those of its source.

    Raises:
        PrepareError: they differ by more than `TOLERANCE`.
    """
    if not error <= TOLERANCE:
        raise PrepareError(
            f"the written checkpoint differs from its source by {error:.2g}; limit is {TOLERANCE}"
        )
