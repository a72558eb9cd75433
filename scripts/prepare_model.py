#!/usr/bin/env python3
"""Builds the checkpoint that Triton serves: an ordinary Hugging Face folder, checked before use.

Without options it merges the shipped adapter into its base model. With --model it takes any
sequence classifier, from a folder or from the Hugging Face hub.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from base_model import BaseModelError
from disk import is_write_error
from emotion_engine.checkpoint import REVISION_FILES, Checkpoint, read_checkpoint
from emotion_engine.errors import CheckpointError
from source_model import ADAPTER, ADAPTER_CONFIG, PrepareError, count_positions, load_source

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "model_repository" / "emotion" / "1" / "checkpoint"
MIN_LENGTH, DEFAULT_MAX_LENGTH = 3, 128
TOLERANCE = 1e-4
FILES = {*REVISION_FILES, "labels.txt"}

# What the prepared checkpoint must read and classify as its source does.
PROBES = (
    "",
    "I danced all night and the stars danced too",
    "HELLO Darkness\tmy  old\nfriend, Ünïcödé naïve façade",
    "Слёзы капают на письмо",
    "夜の海はとても静かだ",
    "🎸🔥 la la la 🎶 <pad> [MASK] </s>",
    "rain on the window and " * 200,
)


def main() -> int:
    """Runs the command; returns its exit code."""
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as at Ctrl-C
    try:
        prepare(args.model, target=args.output, revision=args.revision, max_length=args.max_length)
    except KeyboardInterrupt:
        print("stopped; the checkpoint is as it was")
        return 0
    except (PrepareError, BaseModelError, CheckpointError, OSError) as error:
        print(f"prepare_model: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if not is_write_error(error):
            raise
        sentence = f"{args.output}: cannot be written (is the disk full?); make room"
        print(f"prepare_model: {sentence}", file=sys.stderr)
        return 2
    return 0


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--model",
        metavar="FOLDER|HUB_ID",
        help="a sequence classifier with safetensors weights, for instance "
        "bhadresh-savani/bert-base-uncased-emotion, or an adapter that train.py made "
        "(default: the shipped adapter on its base)",
    )
    parser.add_argument("--revision", help="commit, tag or branch of a hub model")
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="TOKENS",
        help=f"most tokens of a text, special tokens included (default: {DEFAULT_MAX_LENGTH}, "
        "or the model's positions where they are fewer)",
    )
    parser.add_argument(
        "--output", type=Path, default=TARGET, metavar="FOLDER", help="where to write (%(default)s)"
    )
    return parser.parse_args()


def prepare(
    model: str | None,
    *,
    target: Path,
    revision: str | None = None,
    max_length: int | None = None,
) -> None:
    """Writes a checkpoint folder, and puts it in place only when it is complete and checked.

    Args:
        model: folder of a classifier or of an adapter, or hub id; None takes the shipped adapter.
        target: the folder to write; an older one there is replaced.
        revision: commit, tag or branch of a hub model.
        max_length: most tokens of a text; None leaves it to `choose_max_length`.

    Raises:
        PrepareError: the model cannot be served, or the target holds something else.
        BaseModelError: the base of the shipped adapter is missing or altered.
    """
    check_target(target)
    silence_transformers()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".checkpoint-") as scratch:
        new = Path(scratch) / "new"
        say(f"loading {model or 'the shipped adapter and its base'}")
        source, tokenizer = load_source(model, revision=revision)
        check_source_tokenizer(tokenizer, vocab_size=source.config.vocab_size)
        folder = ADAPTER if model is None else Path(model)
        max_length = choose_max_length(
            max_length, folder=folder, source=source, tokenizer=tokenizer
        )
        write_checkpoint(source, tokenizer, folder=new, max_length=max_length)
        say("comparing the written checkpoint with its source")
        checkpoint = read_checkpoint(new)
        check_tokenizer(checkpoint, tokenizer=tokenizer)
        check_predictions(checkpoint, source=source, tokenizer=tokenizer)
        swap(new, target=target, old=Path(scratch) / "old")
    say(f"wrote {target}")


def check_target(target: Path) -> None:
    """Refuses to replace what is no checkpoint.

    Raises:
        PrepareError: the target is a file, or a folder with something else in it.
    """
    if target.exists() and not target.is_dir():
        raise PrepareError(f"--output {target} is a file; name a folder")
    foreign = {path.name for path in target.iterdir()} - FILES if target.exists() else set()
    if foreign:
        raise PrepareError(
            f"--output {target} holds {min(foreign)!r} and would be replaced; name another folder"
        )


def choose_max_length(wanted: int | None, *, folder: Path, source: Any, tokenizer: Any) -> int:
    """Returns the most tokens of a text, the same for a server and for an evaluation.

    That is what is wanted, else what the folder states, which is bounded by 128 where neither
    this script nor train.py wrote it; 128 where it states nothing. Never more than the model can
    place, unless that is wanted, which is refused.

    Args:
        wanted: what the user says; None if nothing.
        folder: of the source; need not exist, for a source on the hub.
        source: the model that was loaded from it.
        tokenizer: its tokenizer. An adapter's is that of its base and says nothing of the adapter.

    Raises:
        PrepareError: the model has fewer positions than that, or what the folder states is no
            number of tokens.
    """
    limit = count_positions(source)
    if wanted is not None:
        if not MIN_LENGTH <= wanted <= limit:
            raise PrepareError(
                f"--max-length is {wanted}; this model takes {MIN_LENGTH} to {limit}"
            )
        return wanted
    if any((folder / name).is_file() for name in (ADAPTER_CONFIG, "labels.txt")):
        return min(check_length(read_length(folder), folder=folder), limit)
    stated = check_length(tokenizer.model_max_length, folder=folder)
    return min(stated, DEFAULT_MAX_LENGTH, limit)


def read_length(folder: Path) -> object:
    """Returns what the tokenizer_config.json of a folder states, whatever it is.

    Raises:
        PrepareError: that file is no JSON object.
    """
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return DEFAULT_MAX_LENGTH
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PrepareError(f"{path} is no JSON; write the folder anew") from error
    if not isinstance(config, dict):
        raise PrepareError(f"{path} is no JSON object; write the folder anew")
    return config.get("model_max_length", DEFAULT_MAX_LENGTH)


def check_length(stated: object, *, folder: Path) -> int:
    """Returns the most tokens that a folder states.

    Raises:
        PrepareError: it is no whole number of 3 or more.
    """
    if isinstance(stated, int | float) and stated > sys.maxsize:
        return DEFAULT_MAX_LENGTH  # what transformers puts where nothing is stated
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < MIN_LENGTH:
        raise PrepareError(
            f"{folder}: model_max_length in tokenizer_config.json is {json.dumps(stated)}; "
            f"it must be a whole number of {MIN_LENGTH} or more"
        )
    return stated


def check_source_tokenizer(tokenizer: Any, *, vocab_size: int) -> None:
    """Refuses a tokenizer that cannot be served, or that is none of this model.

    Raises:
        PrepareError: it is no fast tokenizer, made up for want of files, has more token ids than
            the model has embeddings, or truncates on the left.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise PrepareError(
            f"{type(tokenizer).__name__} is no fast tokenizer; convert it to a tokenizer.json first"
        )
    num_ids = max(tokenizer.get_vocab().values(), default=-1) + 1
    if num_ids <= len(tokenizer.all_special_ids):
        raise PrepareError("the model has no tokenizer files; add its tokenizer.json or vocab.txt")
    if num_ids > vocab_size:
        raise PrepareError(
            f"the tokenizer has {num_ids} token ids, the model {vocab_size} "
            "embeddings; they are not of one checkpoint"
        )
    if tokenizer.truncation_side != "right":
        raise PrepareError(
            f"truncation_side is {tokenizer.truncation_side!r}; only right is served"
        )


def write_checkpoint(source: Any, tokenizer: Any, *, folder: Path, max_length: int) -> None:
    """Writes weights, config, tokenizer and labels.txt.

    tokenizer.json is AutoTokenizer's own backend without padding and truncation: the file of a
    source may pad, may truncate, or may not exist (vocab.txt alone).
    """
    from tokenizers import Tokenizer

    source.config.id2label = {int(key): label for key, label in source.config.id2label.items()}
    source.save_pretrained(folder, max_shard_size="100GB")
    write_labels(source.config, folder=folder)
    tokenizer.model_max_length = max_length
    for key in ("is_local", "local_files_only", "trust_remote_code"):
        tokenizer.init_kwargs.pop(key, None)  # how it was loaded here is no property of it
    tokenizer.save_pretrained(folder)
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    backend.save(str(folder / "tokenizer.json"))
    labels = [source.config.id2label[i] for i in range(source.config.num_labels)]
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    for path in folder.iterdir():
        if path.name not in FILES:
            path.unlink()  # what some tokenizers write besides is in tokenizer.json too
    # Written for its owner alone; Triton may run as somebody else.
    (folder / "model.safetensors").chmod(0o644)


def write_labels(config: Any, *, folder: Path) -> None:
    """Puts the label names into config.json, from where transformers leaves out its own two.

    LABEL_0 and LABEL_1 are its defaults, which it takes for no names.
    """
    path = folder / "config.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document |= {"id2label": config.id2label, "label2id": config.label2id}
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_tokenizer(checkpoint: Checkpoint, *, tokenizer: Any) -> None:
    """Compares the written tokenizer with AutoTokenizer, token by token."""
    from emotion_client.tokenizer import TextTokenizer

    written = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    for i, (text, encoding) in enumerate(zip(PROBES, written.encode(PROBES), strict=True)):
        expected = tokenizer(text, truncation=True, max_length=checkpoint.max_length)["input_ids"]
        if encoding.input_ids != expected:
            raise PrepareError(
                f"the written tokenizer.json reads probe {i} as {encoding.input_ids[:8]}..., "
                f"AutoTokenizer as {expected[:8]}...; please report this model"
            )


def check_predictions(checkpoint: Checkpoint, *, source: Any, tokenizer: Any) -> None:
    """Compares the engine on the written folder with plain transformers on the source, in fp32."""
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


def swap(new: Path, *, target: Path, old: Path) -> None:
    """Puts the new folder in the target's place; on an interruption the old one stays."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def silence_transformers() -> None:
    """Keeps loading bars and advice off the terminal; errors still come."""
    from transformers.utils import logging as transformers_logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    # peft 0.21 uses a name that transformers 5.23 deprecates.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def say(line: str) -> None:
    """Prints one line of progress."""
    print(f"prepare_model: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
