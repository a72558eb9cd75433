"""Small random checkpoints of each supported architecture, and transformers' own answers.

Each is a source folder, as a user gives it to `scripts/prepare_model.py --model`: safetensors,
config.json with label names, and a real tokenizer trained on a few lines of verse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

LABELS = ("anger", "fear", "joy", "love", "sadness", "surprise")
MAX_LENGTH = 128
MODERNBERT_WINDOW = 16
KINDS = (
    "bert",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "modernbert-cls",
    "modernbert-mean",
    "electra",
)
PACKED_KINDS = KINDS[:-1]
VERSES = (
    "the lamp is low, the street is wet, I count the hours until you call",
    "we were two sparrows on a wire, we never meant to sing at all",
    "oh hold me, hold me, morning light, the night was longer than the sea",
    "I tore your letters into snow and let the wind take you from me",
    "somebody laughed behind the door, a small and silver kind of sound",
    "my anger is a rusty gate that swings and swings and strikes the ground",
    "I never thought I'd see you here, with thunder tangled in your hair",
    "and all the bells of Saturday came tumbling bright across the square",
    "be still, be still, there's something near, it breathes between the cellar stones",
    "I love you as the river loves the valley it has worn to bones",
    "la la la, la la, the drums go on, and who will drive us home tonight",
    "it's half past nine, it's ten to one, the kitchen burns its yellow light",
    "café, naïve and mañana, words I wrote you on a card",
    "зима поёт, а я молчу, и снег лежит на всех дворах",
    "夜の窓に雨が歌う",
    "0 1 2 3 4 5 6 7 8 9 ! ? . , ; : ' - ( ) \" &",
)
TEXTS = (
    "",
    "la",
    "I never thought I'd see you here",
    "HELLO Darkness\tmy  old\nfriend, Ünïcödé naïve façade",
    "зима поёт, а я молчу",
    "夜の窓に雨が歌う",
    "🎸🔥 la la la 🎶 e\u0301 ﬁne \u200b\u00a0x",
    "a <pad> in the middle, [PAD] [MASK] <mask> and </s> [SEP] at the end",
    " ".join(VERSES[:2]),
    " ".join(VERSES[3:7]),
    "\n".join(VERSES),
    "rain on the window and " * 400,
)


def build_checkpoint(
    folder: Path, *, kind: str, problem_type: str | None = None, vocab_only: bool = False
) -> Path:
    """Writes a small random classifier, always the same one for the same arguments.

    Args:
        folder: where to write; created if missing.
        kind: one of `KINDS`.
        problem_type: for config.json; None leaves it out.
        vocab_only: write vocab.txt instead of tokenizer.json, as in older WordPiece checkpoints.

    Returns:
        The folder.
    """
    quiet_transformers()
    tokenizer = _BUILD_TOKENIZER[kind]()
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "initializer_range": 0.1,
        "pad_token_id": tokenizer.pad_token_id,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: i for i, label in enumerate(LABELS)},
        **({"problem_type": problem_type} if problem_type else {}),
        **_SETTINGS[kind],
    }
    config = transformers.CONFIG_MAPPING[kind.partition("-")[0] if "modern" in kind else kind]
    with torch.random.fork_rng():
        torch.manual_seed(KINDS.index(kind))
        model = AutoModelForSequenceClassification.from_config(config(**settings))
        _spread(model, tokenizer=tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if vocab_only:
        _keep_only_vocab(folder, tokenizer=tokenizer)
    return folder


def edit_json(path: Path, **changes: Any) -> None:
    """Sets keys of a JSON file; ... removes one."""
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def edit_weights(folder: Path, edit: Callable[[str, torch.Tensor], torch.Tensor | None]) -> None:
    """Replaces each weight of a folder by `edit` of its name and itself; None removes it."""
    path = folder / "model.safetensors"
    edited = {name: edit(name, x) for name, x in load_file(path).items()}
    kept = {name: x for name, x in edited.items() if x is not None}
    save_file(kept, path, metadata={"format": "pt"})


def compute_logits(model: Any, *, tokenizer: Any) -> torch.Tensor:
    """Returns a model's answers to `TEXTS`, of at most 64 tokens: (num_texts, num_labels)."""
    inputs = tokenizer(
        list(TEXTS), padding=True, truncation=True, max_length=64, return_tensors="pt"
    )
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        return model.eval()(**inputs).logits


def reference_probabilities(
    folder: Path, texts: Sequence[str], *, max_length: int = MAX_LENGTH
) -> NDArray[np.float32]:
    """Returns the answers of plain transformers, in fp32 on one padded batch.

    Args:
        folder: a source folder or a prepared one.
        texts: any texts.
        max_length: tokens after which they are truncated.

    Returns:
        (num_texts, num_labels) float32.
    """
    quiet_transformers()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(
        list(texts),
        padding=len(texts) > 1,
        truncation=True,
        max_length=max_length,
        return_tensors="pt",
    )
    return reference_of_ids(folder, inputs["input_ids"], mask=inputs["attention_mask"])


def reference_of_ids(
    folder: Path, input_ids: torch.Tensor, *, mask: torch.Tensor
) -> NDArray[np.float32]:
    """Returns the answers of plain transformers; ids and mask are (num_rows, longest) int64."""
    quiet_transformers()
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    with torch.no_grad():
        logits = model(input_ids=input_ids, attention_mask=mask).logits
    is_multi_label = model.config.problem_type == "multi_label_classification"
    probabilities = logits.sigmoid() if is_multi_label else torch.softmax(logits, dim=1)
    return probabilities.numpy()


def quiet_transformers() -> None:
    """Removes progress bars and warnings from the tests' output."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _spread(model: Any, *, tokenizer: Any) -> None:
    """Centres and scales the last layer on `TEXTS`, so that texts get different labels."""
    inputs = tokenizer(
        list(TEXTS), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
    )
    last = [layer for layer in model.classifier.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.05)
        last.bias.zero_()
        logits = model.eval()(**inputs).logits  # (num_texts, num_labels)
        scale = 0.5 / logits.std(dim=0).mean()
        last.weight.mul_(scale)
        last.bias.copy_(-scale * logits.mean(dim=0))


def _train_wordpiece() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # WordPieceTrainer breaks ties by hash order, differently in each process; BpeTrainer does not.
    trainer = trainers.BpeTrainer(vocab_size=250, show_progress=False)
    tokenizer.train_from_iterator(VERSES, trainer)
    pieces = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *pieces, *(f"##{piece}" for piece in pieces)]
    return transformers.BertTokenizer(vocab={token: i for i, token in enumerate(tokens)})


def train_byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(VERSES, trainer)
    return tokenizer


def _train_roberta() -> Any:
    model = json.loads(train_byte_level().to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    return transformers.RobertaTokenizer(vocab=model["vocab"], merges=merges)


def _train_modernbert() -> Any:
    tokenizer = train_byte_level()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"cls": "<s>", "bos": "<s>", "sep": "</s>", "eos": "</s>"}
    names |= {name: f"<{name}>" for name in ("pad", "unk", "mask")}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{role}_token": token for role, token in names.items()}
    )


def _train_xlm_roberta() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    # UnigramTrainer's scores differ slightly in each process; the ranks of BpeTrainer do not.
    trainer = trainers.BpeTrainer(vocab_size=400, show_progress=False)
    tokenizer.train_from_iterator(VERSES, trainer)
    pieces = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    scores = [-5 - i / 100 for i in range(len(pieces))]
    vocab = [*((token, 0.0) for token in special), *zip(pieces, scores, strict=True)]
    return transformers.XLMRobertaTokenizer(vocab=[*vocab, ("<mask>", 0.0)])


def _keep_only_vocab(folder: Path, *, tokenizer: Any) -> None:
    (folder / "tokenizer.json").unlink()
    vocab = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocab), encoding="utf-8")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


_BUILD_TOKENIZER = {
    "bert": _train_wordpiece,
    "distilbert": _train_wordpiece,
    "electra": _train_wordpiece,
    "roberta": _train_roberta,
    "xlm-roberta": _train_xlm_roberta,
    "modernbert-cls": _train_modernbert,
    "modernbert-mean": _train_modernbert,
}
# The encoder in C++ has code for these sizes.
_SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": MAX_LENGTH,
}
# RoBERTa's first positions, up to the padding id 1, are never used.
_ROBERTA = {
    **_SIZES,
    "max_position_embeddings": MAX_LENGTH + 2,
    "type_vocab_size": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_MODERNBERT = {
    **_SIZES,
    "intermediate_size": 96,
    "local_attention": MODERNBERT_WINDOW,
    "global_attn_every_n_layers": 3,
    "cls_token_id": 0,
    "bos_token_id": 0,
    "sep_token_id": 2,
    "eos_token_id": 2,
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "bert": _SIZES,
    "distilbert": {
        "dim": 64,
        "n_layers": 3,
        "n_heads": 4,
        "hidden_dim": 128,
        "max_position_embeddings": MAX_LENGTH,
    },
    "electra": {**_SIZES, "embedding_size": 64},
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "modernbert-cls": {**_MODERNBERT, "classifier_pooling": "cls"},
    "modernbert-mean": {**_MODERNBERT, "classifier_pooling": "mean"},
}
