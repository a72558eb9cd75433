"""Reading, writing back and averaging weights."""

import torch
from emotion_training.training.weights import (
    average_weights,
    blend_weights,
    read_weights,
    write_weights,
)
from torch import nn


def test_average_weights_is_the_mean_of_each():
    members = [{"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, 6.0])}]
    assert average_weights(members)["a"].tolist() == [2.0, 4.0]


def test_blend_weights_is_on_the_way_to_the_start():
    trained, start = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([5.0, 2.0])}
    assert blend_weights(trained, start=start, share=0.25)["a"].tolist() == [2.0, 2.0]


def test_write_weights_puts_back_what_read_weights_took_and_leaves_the_frozen():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    taken = read_weights(network)
    assert set(taken) == {"1.weight", "1.bias"}
    before = network[1].weight.clone()
    with torch.no_grad():
        network[1].weight.zero_()
        network[0].weight.zero_()
    write_weights(network, weights=taken)
    assert torch.equal(network[1].weight, before)
    assert not network[0].weight.any()
