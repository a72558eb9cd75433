"""Where each architecture that runs in C++ keeps its weights and sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLES = ("word", "position")


def _relu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(values, 0)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where an architecture keeps what the encoder needs.

    Attributes:
        embeddings: prefix of the embeddings in model.safetensors.
        block: prefix of a layer there, with {} for its index.
        modules: a layer's linear layers and norms, in the order of computation.
        head: the two linear layers of the head.
        activation: between them.
        num_layers, hidden, num_heads, intermediate, hidden_act: names in config.json.
        epsilon: the name of the norms' epsilon in config.json, or its fixed value.
    """

    embeddings: str
    block: str
    modules: tuple[str, ...]
    head: tuple[str, str]
    activation: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    num_layers: str
    hidden: str
    num_heads: str
    intermediate: str
    hidden_act: str
    epsilon: str | float

    def find_obstacle(self, config: dict[str, Any]) -> str | None:
        """Returns which size or activation of a config.json the encoder has no code for."""
        sizes = (self.num_layers, self.hidden, self.num_heads, self.intermediate)
        needed = (*sizes, self.hidden_act, *([self.epsilon] * isinstance(self.epsilon, str)))
        missing = [name for name in needed if config.get(str(name)) is None]
        if missing:
            return f"config.json has no {missing[0]}"
        num_layers, hidden_size, num_heads, intermediate_size = (config[name] for name in sizes)
        if num_layers < 1 or config.get("is_decoder"):
            return "it has no code for decoders or for models without layers"
        activation, head_size = config[self.hidden_act], hidden_size // num_heads
        if activation != "gelu" or hidden_size % 64 or intermediate_size % 64 or head_size % 16:
            return (
                f"it has no code for activation {activation}, hidden size {hidden_size}, "
                f"intermediate size {intermediate_size} and heads of {head_size}"
            )
        return None

    def tables(self) -> tuple[str, str]:
        """Returns the names of the embeddings of words and of positions."""
        words, positions = (f"{self.embeddings}{x}_embeddings.weight" for x in TABLES)
        return words, positions

    def token_types(self) -> str:
        """Returns the name of the embeddings of token types, which DistilBERT does not have."""
        return f"{self.embeddings}token_type_embeddings.weight"

    def shapes(self, config: dict[str, Any]) -> dict[str, list[int]]:
        """Returns the shapes of weights that the encoder reads without looking; of tables, the end.

        Args:
            config: config.json.
        """
        hidden, inner, num_layers = (
            config[name] for name in (self.hidden, self.intermediate, self.num_layers)
        )
        norm, square = [hidden], [hidden, hidden]
        of_block = (*[square] * 4, norm, [inner, hidden], [hidden, inner], norm)
        found = dict.fromkeys(self.tables(), norm)
        for name, shape in zip(self.pairs(num_layers), (norm, *of_block * num_layers), strict=True):
            found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
        return found

    def pairs(self, num_layers: int) -> tuple[str, ...]:
        """Returns the names of all modules with weight and bias, the norm after the tables first.

        They are in the order of computation.
        """
        blocks = (self.block.format(i) for i in range(num_layers))
        own = (f"{block}{module}" for block in blocks for module in self.modules)
        return (f"{self.embeddings}LayerNorm", *own)


_BERT: dict[str, Any] = {
    "modules": (
        *(f"attention.self.{x}" for x in ("query", "key", "value")),
        *("attention.output.dense", "attention.output.LayerNorm"),
        *("intermediate.dense", "output.dense", "output.LayerNorm"),
    ),
    "num_layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "num_heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "hidden_act": "hidden_act",
    "epsilon": "layer_norm_eps",
    "activation": np.tanh,
}
_ROBERTA = Layout(
    embeddings="roberta.embeddings.",
    block="roberta.encoder.layer.{}.",
    head=("classifier.dense", "classifier.out_proj"),
    **_BERT,
)
LAYOUTS = {
    "bert": Layout(
        embeddings="bert.embeddings.",
        block="bert.encoder.layer.{}.",
        head=("bert.pooler.dense", "classifier"),
        **_BERT,
    ),
    "distilbert": Layout(
        embeddings="distilbert.embeddings.",
        block="distilbert.transformer.layer.{}.",
        modules=(
            *(f"attention.{x}" for x in ("q_lin", "k_lin", "v_lin", "out_lin")),
            *("sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"),
        ),
        head=("pre_classifier", "classifier"),
        activation=_relu,
        num_layers="n_layers",
        hidden="dim",
        num_heads="n_heads",
        intermediate="hidden_dim",
        hidden_act="activation",
        epsilon=1e-12,
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
}
"""`model_type` of config.json to layout, as transformers 5 names the weights."""
