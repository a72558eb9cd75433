"""Requests of Triton's own client, many under way at a time."""

from __future__ import annotations

import numpy as np
import pytest
from emotion_client.errors import ServerError, Unavailable
from path.bare_load import CALLBACKS, TASKS, BareLoad, open_senders


@pytest.mark.parametrize("name", [CALLBACKS, TASKS])
def test_nobody_listening_is_unavailable(name: str) -> None:
    load = BareLoad(num_rows=1, row_len=16)
    with open_senders("127.0.0.1:1") as senders, pytest.raises(Unavailable):
        senders[name](load, 200)


def test_answer_of_other_rows_is_refused() -> None:
    class TwoRows:
        def as_numpy(self, name: str) -> np.ndarray:
            return np.ones((2, 1), dtype=np.float32)

    with pytest.raises(ServerError, match="2 answers to 1 rows"):
        BareLoad(num_rows=1, row_len=16)._check(TwoRows())
