"""How the figures look."""

from __future__ import annotations

import json

from benchmark.result import Measurement, build_json, format_head, format_row

ONE = Measurement(
    model="default",
    workload="64 lyrics",
    num_rows=64,
    seconds=0.5,
    flops_per_s=100e9,
    peak_flops_per_s=400e9,
    operators={"linear": 0.6, "attention": 0.4},
)


def test_row_has_rate_and_share_of_the_peak() -> None:
    row = format_row(ONE)
    assert row.split()[:7] == ["default", "64", "lyrics", "128.0", "500.0", "100", "25%"]
    assert row.endswith("linear 60%, attention 40%")
    assert row.index("linear") == format_head().index("where")


def test_json_has_every_figure() -> None:
    document = json.loads(build_json([ONE], facts={"dtype": "bfloat16"}))
    assert document["dtype"] == "bfloat16"
    (one,) = document["measurements"]
    assert (one["rows_per_s"], one["peak_share"]) == (128, 0.25)
    assert one["operators"] == {"linear": 0.6, "attention": 0.4}
