"""The heads, separate from their bases, against the stock models."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from emotion_engine.heads import PACKED_HEADS, ModernBertHead, PackedHead, RobertaHead
from emotion_engine.packing import pack
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModelForSequenceClassification

from checkpoints import PACKED_KINDS

IDS = torch.tensor([[0, 9, 11, 40, 41, 13, 2]])
PADDING_ID = 1


def load_stock(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()


def lay_out(*rows):
    (batch,) = pack([np.array(row) for row in rows], max_batch_tokens=64)
    return batch


def stock_positions(row):
    """What transformers' create_position_ids_from_input_ids documents, token by token."""
    positions, last = [], PADDING_ID
    for token in row:
        last += token != PADDING_ID
        positions.append(last if token != PADDING_ID else PADDING_ID)
    return positions


class StockShape(nn.Module):
    """What `RobertaHead` and `ModernBertHead` need of a stock model."""

    def __init__(self, **config):
        super().__init__()
        self.config = SimpleNamespace(**config)
        self.head, self.classifier = nn.Identity(), nn.Identity()


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_head_one_row_gives_the_stock_logits(kind, source_of):
    model = load_stock(source_of(kind))
    with torch.inference_mode():
        expected = model(input_ids=IDS).logits
        head = PACKED_HEADS[model.config.model_type](model)
        hidden = model.base_model(input_ids=IDS).last_hidden_state[0]
        logits = head(hidden, torch.tensor([0, IDS.shape[1]]))
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_head_and_base_divide_the_weights_and_only_the_base_is_bfloat16(kind, source_of):
    model = load_stock(source_of(kind))
    num_weights = sum(x.numel() for x in model.parameters())
    head = PACKED_HEADS[model.config.model_type](model)
    base = model.base_model.to(torch.bfloat16)
    assert {x.dtype for x in head.parameters()} == {torch.float32}
    assert {x.dtype for x in base.parameters()} == {torch.bfloat16}
    assert sum(x.numel() for x in (*head.parameters(), *base.parameters())) == num_weights


def test_packed_head_pools_the_first_token_of_each_row():
    hidden = torch.arange(12, dtype=torch.bfloat16).view(6, 2)
    pooled = PackedHead(StockShape()).pool(hidden, torch.tensor([0, 1, 4]))
    assert pooled.tolist() == [[0, 1], [2, 3]]
    assert pooled.dtype == torch.float32


def test_packed_head_positions_are_those_of_the_batch():
    batch = lay_out([5, 6], [7, 8, 9])
    assert np.array_equal(PackedHead(StockShape()).positions(batch), batch.positions())


def test_modernbert_head_mean_pools_rows_and_leaves_the_filler_out():
    hidden = torch.tensor([[1.0], [2.0], [6.0], [torch.nan]])
    head = ModernBertHead(StockShape(classifier_pooling="mean"))
    assert head.pool(hidden, torch.tensor([0, 1, 3])).tolist() == [[1.0], [4.0]]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=6))
@example([[PADDING_ID], [PADDING_ID] * 3])
@example([[0, 1, 9, 2], [0, 8, 1, 1, 2]])
def test_roberta_head_positions_are_the_stock_ones(rows):
    rows = sorted(rows, key=len)
    positions = RobertaHead(StockShape(pad_token_id=PADDING_ID)).positions(lay_out(*rows))
    expected = [position for row in rows for position in stock_positions(row)]
    assert positions[: len(expected)].tolist() == expected
    assert set(positions[len(expected) :].tolist()) <= {PADDING_ID}
