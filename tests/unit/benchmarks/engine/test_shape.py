"""The work that an encoder is."""

from emotion_benchmarks.engine.shape import Shape, build_config, read_shape

TINY = Shape(num_layers=2, hidden_size=4, intermediate_size=8)


def test_count_flops_counts_every_multiplication_and_addition_that_is_needed():
    row_lens = [3, 5]
    flops = 0
    for row_len in row_lens:
        for inputs, outputs in ((4, 12), (4, 4), (4, 8), (8, 4)):  # the first layer
            flops += 2 * row_len * inputs * outputs
        flops += 2 * row_len * row_len * 4  # scores
        flops += 2 * row_len * row_len * 4  # weighted sum
        flops += 2 * row_len * 4 * 8  # the last layer's keys and values
        for inputs, outputs in ((4, 4), (4, 4), (4, 8), (8, 4)):  # and all else of one token
            flops += 2 * inputs * outputs
        flops += 2 * row_len * 4
        flops += 2 * row_len * 4
    assert TINY.count_flops(row_lens) == flops


def test_read_shape_knows_the_names_of_both_families():
    assert read_shape(build_config("bert-base")) == Shape(12, 768, 3072)
    assert read_shape(build_config("distilbert")) == Shape(6, 768, 3072)
