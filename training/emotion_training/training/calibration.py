"""Calibrates a model's confidence: temperature scaling, folded into the last layer.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017: dividing the
logits by one number T, fitted on data that the model was not trained on, keeps every prediction and
corrects the confidence. T is folded into the weights, so that serving needs no code for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


def fit_temperature(
    logits: NDArray[Any], *, truth: NDArray[Any], weights: NDArray[Any] | None = None
) -> float:
    """Returns the T that minimizes the mean negative log-likelihood of softmax(logits / T).

    Args:
        logits: (num_texts, num_labels) float, of texts that the model was not trained on.
        truth: (num_texts,) int, index of the true label; or (num_texts, num_labels), the
            probability of each.
        weights: (num_texts,) float above 0, how much each text counts; None for all the same.

    Returns:
        0.05 to 20. If every prediction is right, the minimum is at 0, and the result is a small T
        that makes every confidence 1.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    exact = np.asarray(logits, dtype=np.float64)
    target = truth if np.ndim(truth) == 2 else np.eye(exact.shape[1])[truth]

    def mean_loss(log_temperature: float) -> float:
        log_likelihoods = log_softmax(exact / np.exp(log_temperature), axis=1)
        return -float(np.average((target * log_likelihoods).sum(axis=1), weights=weights))

    bounds = np.log([MIN_TEMPERATURE, MAX_TEMPERATURE])
    best = minimize_scalar(mean_loss, bounds=bounds, method="bounded")
    return float(np.exp(best.x))


def fold_temperature(model: Any, *, temperature: float) -> None:
    """Divides the last layer in place, so that the model's logits are divided by `temperature`.

    Args:
        model: a sequence classifier of transformers, or one that peft has wrapped; then its
            trained copy of the last layer is divided.
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

    Every head of transformers registers it last, and peft its trained copy after the original.

    Raises:
        ValueError: there is none.
    """
    from torch import nn

    num_labels = model.config.num_labels
    linears = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in reversed(linears):
        if layer.out_features == num_labels:
            return layer
    raise ValueError(f"the model has no linear layer with {num_labels} outputs, one per label")
