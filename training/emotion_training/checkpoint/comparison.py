"""Compares a written checkpoint with its source: its tokenizer, and its predictions."""

from __future__ import annotations

from typing import Any

from emotion_engine.checkpoint import Checkpoint

from emotion_training.errors import PrepareError

TOLERANCE = 1e-4
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


def compare_predictions(checkpoint: Checkpoint, *, source: Any, tokenizer: Any) -> None:
    """Compares the engine on the written folder with plain transformers on the source, in fp32.

    Raises:
        PrepareError: a probability differs by more than `TOLERANCE`.
    """
    import numpy as np
    import torch
    from emotion_engine.classifier import Classifier
    from emotion_engine.settings import EngineSettings

    settings = EngineSettings(dtype="float32", max_batch_tokens=8 * checkpoint.max_length)
    inputs = [
        tokenizer(text, truncation=True, max_length=checkpoint.max_length, return_tensors="pt")
        for text in PROBES
    ]
    with torch.inference_mode():
        logits = torch.cat([source.float()(**each).logits for each in inputs])
    is_multi_label = checkpoint.problem_type == "multi_label_classification"
    expected = (logits.sigmoid() if is_multi_label else logits.softmax(dim=1)).numpy()
    classifier = Classifier.load(checkpoint, settings=settings)
    answer = classifier.predict([each["input_ids"][0].numpy() for each in inputs]).probabilities
    worst = float(np.abs(answer - expected).max())
    if not worst <= TOLERANCE:
        raise PrepareError(
            f"the written checkpoint differs from its source by {worst:.2g}; limit is {TOLERANCE}"
        )
