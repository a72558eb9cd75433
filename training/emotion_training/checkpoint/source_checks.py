"""What a model must have to be served: label names, whole weights, and a fast tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from emotion_training.errors import PrepareError

# Weights of a file that no answer needs: buffers that older releases saved, and the heads of the
# model's pretraining.
HARMLESS = re.compile(
    r"(^|\.)(position_ids|token_type_ids|inv_freq|attn\.(masked_)?bias|attention\.(masked_)?bias)$"
    r"|^(cls|lm_head|lm_loss|mlm|vocab_\w+|\w+_predictions|\w+_lm_head|predictions|sop_classifier"
    r"|pred_layer)\.|(^|\.)contact_head\."
)
# Of a base whose classifier has none.
POOLER = re.compile(r"(^|\.)pooler\.(dense\.)?(weight|bias)$")
CLASSIFIER = "ForSequenceClassification"


def check_config(source: dict[str, Any], *, labels: Sequence[str] | None = None) -> None:
    """Refuses a model whose config.json has no label names, or that is a regression.

    The file itself is read, because transformers would make up the names LABEL_0, LABEL_1.

    Args:
        source: arguments of `from_pretrained` that say where it is.
        labels: the names to give it; None takes those of the file.

    Raises:
        PrepareError: it is such a model, needs code of its own, or has no config.json.
    """
    from emotion_engine.checkpoint import read_labels, read_problem_type
    from emotion_engine.errors import CheckpointError
    from transformers import CONFIG_MAPPING, PretrainedConfig

    model = source["pretrained_model_name_or_path"]
    config, _ = PretrainedConfig.get_config_dict(**source)
    if not config:
        raise PrepareError(f"cannot load {model}: it has no config.json")
    if "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING:
        raise PrepareError(
            f"{model} needs code of its own (auto_map in its config.json), which is not run; "
            "give a model that transformers knows"
        )
    if labels is not None:
        config["id2label"] = dict(enumerate(labels))
    elif not config.get("id2label"):
        raise PrepareError(
            f"{model} has no label names (id2label in its config.json); prepare_model.py --labels "
            "joy,sadness gives them, in the order of its outputs"
        )
    try:
        names, problem_type = read_labels(config), read_problem_type(config)
    except CheckpointError as error:
        raise PrepareError(f"{model} cannot be served: {error}") from error
    if len(names) == 1 and problem_type == "single_label_classification":
        raise PrepareError(
            f"{model} has the one label {names[0]!r}: it is a regression; give a classifier"
        )


def check_weights(network: Any, *, loading: dict[str, Any], model: str) -> None:
    """Refuses weights that would not compute what they were trained to.

    Args:
        network: a classifier that `from_pretrained` made.
        loading: its `output_loading_info`.
        model: its name, for the sentence.

    Raises:
        PrepareError: weights are missing, unused or not finite.
    """
    if loading["missing_keys"]:
        raise PrepareError(
            f"{model} lacks the weights {min(loading['missing_keys'])}: it is not a sequence "
            "classifier; fine-tune it first (scripts/train.py)"
        )
    kinds = getattr(network.config, "architectures", None) or []
    if kinds and not any(str(kind).endswith(CLASSIFIER) for kind in kinds):
        raise PrepareError(
            f"{model} is a {kinds[0]} (architectures in its config.json), not a sequence "
            "classifier; fine-tune it first (scripts/train.py)"
        )
    has_pooler = any(name.endswith("pooler") for name, _ in network.named_modules())
    unused = [
        key
        for key in loading["unexpected_keys"]
        if not HARMLESS.search(key) and (has_pooler or not POOLER.search(key))
    ]
    if unused:
        raise PrepareError(
            f"{model} has the weights {min(unused)}, which {type(network).__name__} of this "
            "transformers does not use, so its answers would not be those it was trained to give"
        )
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise PrepareError(
                f"{model} has a value in the weights {name} that is not finite (NaN or infinity); "
                "train it again"
            )


def list_broken(network: Any, *, loading: dict[str, Any]) -> list[str]:
    """Returns the encoder's weights that were not loaded, sorted.

    Head and pooler do not count: a base may lack them, or have them for other labels.

    Args:
        network: a classifier that `from_pretrained` made.
        loading: its `output_loading_info`.
    """
    keys = {*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])}
    encoder = f"{network.base_model_prefix}."
    return sorted(key for key in keys if key.startswith(encoder) and "pooler" not in key)


def check_source_tokenizer(tokenizer: Any, *, vocab_size: int) -> None:
    """Refuses a tokenizer that cannot be served, or that belongs to another model.

    Raises:
        PrepareError: it is not a fast tokenizer, was made up because the files are missing, has
            more token ids than the model has embeddings, gives token types, or truncates on the
            left.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise PrepareError(
            f"{type(tokenizer).__name__} is not a fast tokenizer; convert it to a tokenizer.json"
        )
    num_ids = max(tokenizer.get_vocab().values(), default=-1) + 1
    if num_ids <= len(tokenizer.all_special_ids):
        raise PrepareError("the model has no tokenizer files; add its tokenizer.json or vocab.txt")
    if num_ids > vocab_size:
        raise PrepareError(
            f"the tokenizer has {num_ids} token ids, the model {vocab_size} "
            "embeddings; they are not from one checkpoint"
        )
    if any(tokenizer("la la la").get("token_type_ids", ())):
        raise PrepareError(
            "the tokenizer gives tokens of one text different token types, which the server does "
            "not send; this model cannot be served"
        )
    if tokenizer.truncation_side != "right":
        raise PrepareError(
            f"truncation_side is {tokenizer.truncation_side!r}; only right is served"
        )
