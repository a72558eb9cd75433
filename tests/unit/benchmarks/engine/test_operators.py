"""Where the time of a forward pass goes."""

import pytest
import torch
from emotion_benchmarks.engine.operators import name_kind, split


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten::linear", "linear"),
        ("mkldnn::_linear_pointwise", "linear"),
        ("aten::addmm", "linear"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("aten::gelu", "gelu"),
        ("aten::native_layer_norm", "layer norm"),
        ("aten::index_select", "copies"),
        ("aten::copy_", "copies"),
        ("aten::embedding", "embedding"),
        ("aten::tanh", "other"),
    ],
)
def test_name_kind_sorts_operators(operator, kind):
    assert name_kind(operator) == kind


def test_split_finds_what_costs_most():
    matrix = torch.randn(512, 512)
    shares = split(lambda: torch.mm(matrix, matrix), device=torch.device("cpu"))
    assert next(iter(shares)) == "linear"
    assert sum(shares.values()) == pytest.approx(1)
