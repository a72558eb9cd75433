"""The trained weights of a network: read, written back, and averaged.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time" (ICML 2022): networks trained from the same start, each with
another order of the data, are averaged weight by weight. Wortsman et al., "Robust fine-tuning of
zero-shot models" (CVPR 2022): the average with what a training began with keeps more of what that
could do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def read_weights(network: Any) -> dict[str, torch.Tensor]:
    """Returns a copy of every trained weight, by name."""
    return {name: x.detach().clone() for name, x in network.named_parameters() if x.requires_grad}


def write_weights(network: Any, *, weights: dict[str, torch.Tensor]) -> None:
    """Writes back the weights that `read_weights` returned."""
    import torch

    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(weights[name])


def average_weights(members: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Returns the mean of each weight over at least one member."""
    import torch

    return {name: torch.stack([x[name] for x in members]).mean(dim=0) for name in members[0]}


def blend_weights(
    trained: dict[str, torch.Tensor], *, start: dict[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Returns each weight on the way from `trained` (share 0) to `start` (share 1)."""
    return {name: (1 - share) * x + share * start[name] for name, x in trained.items()}
