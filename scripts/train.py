#!/usr/bin/env python3
"""Trains a LoRA adapter and a classification head on a base model.

Training and writing the adapter live here. `examples.py` reads the data, `base_model.py` finds the
default base, `prepare_model.py` merges adapter and base into a checkpoint.
"""

from __future__ import annotations

import argparse
import pathlib
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from base_model import BASE_NAME, BaseModelError, default_base
from examples import Example, TrainError, check_labels, join_verses, read_examples

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PretrainedConfig, PreTrainedTokenizerBase, Trainer, TrainingArguments

OUTPUT_FILES = {"README.md", "adapter_config.json", "adapter_model.safetensors", "config.json"}
DEFAULT_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "checkpoints" / "emotion-minilm"
# Every linear of the encoder layers: attention in and out, feed-forward up and down.
LORA_TARGETS = r".*\.layer\.\d+\..*\.(query|key|value|dense)"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description="Fine-tune a BERT for text classification with LoRA; write adapter and head.",
        epilog="Data are UTF-8 TSV, a line is text<TAB>label, without a header. The labels are"
        " the distinct labels of the training data, sorted. Example: python scripts/train.py"
        " --train six_train.tsv --eval six_dev.tsv",
    )
    path, number = pathlib.Path, _number

    def add(name: str, text: str, **options: Any) -> None:
        default = " (default: %(default)s)" if options.get("default") is not None else ""
        parser.add_argument(name, help=text + default, **options)

    add("--train", "training data", type=path, required=True, metavar="FILE")
    add("--eval", "data to judge each epoch by", type=path, metavar="FILE")
    add("--base", f"folder or hub id of a BERT; {BASE_NAME} if not given", metavar="MODEL")
    add("--output", "folder of the adapter", type=path, default=DEFAULT_OUTPUT, metavar="DIR")
    add("--epochs", "passes over the training data", type=number(int, low=1, high=1000), default=4)
    add("--learning-rate", "its peak", type=number(float, low=1e-7, high=1), default=1e-3)
    add("--batch-size", "texts in a step", type=number(int, low=1, high=4096), default=32)
    add("--rank", "rank of LoRA's matrices", type=number(int, low=1, high=384), default=16)
    add("--max-length", "tokens a text is cut to", type=number(int, low=3, high=8192), default=128)
    share = "texts to add by joining 2 to 4 of one label, as a share of the training texts"
    add("--verses", share, type=number(float, low=0, high=10), default=0.25)
    add("--seed", "of every random choice", type=number(int, low=0, high=2**32 - 1), default=0)
    return parser.parse_args(argv)


def _number(kind: type, *, low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if not low <= kind(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is outside {low} to {high}")
        return kind(text)

    parse.__name__ = kind.__name__  # argparse says "invalid int value"
    return parse


def load_base(
    base: str, *, labels: list[str], max_length: int
) -> tuple[Any, PreTrainedTokenizerBase]:
    """Loads the base with a fresh head of `labels`, and its tokenizer.

    Raises:
        TrainError: The base cannot be loaded or is no BERT, or takes fewer tokens.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(base)
        if config.model_type != "bert":
            raise TrainError(f"--base {base}: is of type {config.model_type}; bert is needed")
        if max_length > config.max_position_embeddings:
            limit = config.max_position_embeddings
            raise TrainError(f"--max-length is {max_length}; the base's limit is {limit}")
        set_labels(config, labels=labels)
        tokenizer = AutoTokenizer.from_pretrained(base, model_max_length=max_length)
        model = AutoModelForSequenceClassification.from_pretrained(
            base, config=config, use_safetensors=True, ignore_mismatched_sizes=True
        )
    except (OSError, ValueError) as error:
        raise TrainError(f"--base {base}: cannot be loaded; name a BERT's folder or id") from error
    return model, tokenizer


def set_labels(config: PretrainedConfig, *, labels: list[str]) -> None:
    """Makes a base's config that of a classifier with `labels`."""
    config.problem_type = "single_label_classification"
    config.architectures = ["BertForSequenceClassification"]
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    config.attention_probs_dropout_prob = 0.0  # else attention loses its fused kernel on a CPU


def add_lora(model: Any, *, rank: int) -> PeftModel:
    """Wraps the model: LoRA in the encoder layers, pooler and classifier trained in full."""
    import peft

    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            task_type=peft.TaskType.SEQ_CLS,
            r=rank,
            lora_alpha=2 * rank,
            target_modules=LORA_TARGETS,
            modules_to_save=["pooler"],  # peft adds the classifier
        ),
    )


def training_arguments(args: argparse.Namespace, *, folder: str) -> TrainingArguments:
    """Fixes the schedule; `folder` is for the Trainer's own files."""
    import transformers

    return transformers.TrainingArguments(
        output_dir=folder,
        num_train_epochs=args.epochs,
        learning_rate=args.learning_rate,
        per_device_train_batch_size=args.batch_size,
        per_device_eval_batch_size=64,
        lr_scheduler_type="cosine",
        warmup_steps=0.06,  # below 1: a share of all steps
        weight_decay=0.01,
        label_smoothing_factor=0.1,
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch" if args.eval else "no",
        save_strategy="no",
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=False,  # the quiet log level would turn the progress bar off
        dataloader_pin_memory=False,  # warns where there is no GPU
        seed=args.seed,
    )


def build_trainer(
    args: argparse.Namespace, *, train: list[Example], evaluation: list[Example], folder: str
) -> Trainer:
    """Puts model, tokenized data and schedule together."""
    import transformers

    transformers.logging.set_verbosity_error()
    # peft 0.21 uses a name that transformers 5.23 deprecates.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers.set_seed(args.seed)
    base, labels = args.base or str(default_base()), sorted({e.label for e in train})
    check_labels(train, labels=labels, path=args.train)
    check_labels(evaluation, labels=labels, path=args.eval)
    model, tokenizer = load_base(base, labels=labels, max_length=args.max_length)
    verses = join_verses(train, share=args.verses, seed=args.seed)

    def encode(examples: list[Example]) -> list[dict[str, Any]]:
        return [
            {**tokenizer(e.text, truncation=True), "labels": labels.index(e.label)}
            for e in examples
        ]

    return transformers.Trainer(
        model=add_lora(model, rank=args.rank),
        args=training_arguments(args, folder=folder),
        train_dataset=encode(train + verses),
        eval_dataset=encode(evaluation),
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        compute_metrics=score,
    )


def score(prediction: Any) -> dict[str, float]:
    """Returns macro F1 and accuracy of logits (rows, labels) and label ids (rows,)."""
    from sklearn import metrics

    truth, guess = prediction.label_ids, prediction.predictions.argmax(axis=1)
    f1 = metrics.f1_score(truth, guess, average="macro")
    return {"macro_f1": f1, "accuracy": metrics.accuracy_score(truth, guess)}


def print_report(trainer: Trainer) -> None:
    """Prints precision, recall and F1 of each label on the evaluation data."""
    from sklearn import metrics

    prediction = trainer.predict(trainer.eval_dataset)
    truth, guess = prediction.label_ids, prediction.predictions.argmax(axis=1)
    names = list(trainer.model.config.label2id)
    print(
        metrics.classification_report(
            truth, guess, labels=range(len(names)), target_names=names, digits=3, zero_division=0
        )
    )


def write_adapter(model: PeftModel, *, base: str, output: pathlib.Path, work: pathlib.Path) -> None:
    """Writes adapter, head, config and card below `work`, then moves them to `output`.

    A card that `output` already has is kept.
    """
    folder, kept_card = work / "adapter", output / "README.md"
    # The default base is named, not the folder of the package that carries it here.
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "adapter_model.safetensors").chmod(0o644)  # safetensors writes 0600
    model.config.save_pretrained(folder)
    labels = ", ".join(model.config.label2id)
    card = f"# Adapter of {base}\n\nMade by `scripts/train.py` for the labels {labels}.\n"
    text = kept_card.read_text(encoding="utf-8") if kept_card.exists() else card
    (folder / "README.md").write_text(text, encoding="utf-8")
    if output.exists():
        output.rename(work / "replaced")
    folder.rename(output)


def check_output(output: pathlib.Path) -> None:
    """Raises TrainError where `output` is a file, or a folder that holds anything else."""
    if output.exists() and not output.is_dir():
        raise TrainError(f"--output {output}: is a file; name a folder")
    foreign = {p.name for p in output.iterdir()} - OUTPUT_FILES if output.exists() else set()
    if foreign:
        raise TrainError(f"--output {output}: holds {min(foreign)}; name a new or adapter's folder")


def run(args: argparse.Namespace) -> None:
    """Trains, prints the scores and writes the adapter."""
    check_output(args.output)
    train = read_examples(args.train)
    evaluation = read_examples(args.eval) if args.eval else []
    parent = args.output.resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".training-") as work:
        trainer = build_trainer(args, train=train, evaluation=evaluation, folder=work)
        trainer.train()
        if evaluation:
            print_report(trainer)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the move below is not to be cut in half
        base = args.base or BASE_NAME
        base = str(pathlib.Path(base).resolve()) if pathlib.Path(base).is_dir() else base
        write_adapter(trainer.model, base=base, output=args.output, work=pathlib.Path(work))
    print(f"wrote {args.output}")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0 done or stopped, 2 bad input or set-up."""
    args = parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(args)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
    except (TrainError, BaseModelError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"train: {error.name} is missing; run: pip install '.[train]'", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
