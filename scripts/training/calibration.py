"""Confidence that means something: temperature scaling, folded into a model's last layer.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017: logits
divided by one number T, fitted on data that the model did not learn from, keep every prediction and
mend the confidence. Folded into the weights it needs no code where the model is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


def fit_temperature(logits: NDArray[Any], *, truth: NDArray[Any]) -> float:
    """Returns the T that minimizes the mean negative log-likelihood of softmax(logits / T).

    Args:
        logits: (num_texts, num_labels) float, of texts that were not learned from.
        truth: (num_texts,) int, index of the true label.

    Returns:
        0.05 to 20. Where every text is right there is no minimum but 0, and some small T comes out
        that makes every confidence 1: give more texts.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    exact, rows = np.asarray(logits, dtype=np.float64), np.arange(len(truth))

    def mean_loss(log_temperature: float) -> float:
        log_likelihoods = log_softmax(exact / np.exp(log_temperature), axis=1)
        return -float(log_likelihoods[rows, truth].mean())

    bounds = np.log([MIN_TEMPERATURE, MAX_TEMPERATURE])
    best = minimize_scalar(mean_loss, bounds=bounds, method="bounded")
    return float(np.exp(best.x))


def fold_temperature(model: Any, *, temperature: float) -> None:
    """Divides the last layer in place, so that the model's logits are divided by `temperature`.

    Args:
        model: a sequence classifier of transformers, or one that peft has wrapped, whose trained
            copy of the last layer is the one divided.
        temperature: above 0.

    Raises:
        ValueError: see `find_last_linear`.
    """
    import torch

    layer = find_last_linear(model)
    with torch.no_grad():
        layer.weight.div_(temperature)  # (num_labels, hidden_size)
        if layer.bias is not None:
            layer.bias.div_(temperature)  # (num_labels,)


def find_last_linear(model: Any) -> nn.Linear:
    """Returns the linear layer that gives the logits: the last with an output for each label.

    Every head that transformers has registers it last, and peft its trained copy after the
    original.

    Raises:
        ValueError: there is none.
    """
    from torch import nn

    num_labels = model.config.num_labels
    linears = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in reversed(linears):
        if layer.out_features == num_labels:
            return layer
    raise ValueError(f"the model has no linear layer with {num_labels} outputs, one a label")
