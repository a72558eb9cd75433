"""Requests of Triton's own client, many in flight at a time."""

import numpy as np
import pytest
from emotion_benchmarks.overhead.bare_load import CALLBACKS, TASKS, BareLoad, open_senders
from emotion_client.errors import ServerError, Unavailable


@pytest.mark.parametrize("name", [CALLBACKS, TASKS])
def test_nothing_listening_is_unavailable(name):
    load = BareLoad(num_rows=1, row_len=16)
    with open_senders("127.0.0.1:1") as senders, pytest.raises(Unavailable):
        senders[name](load, 200)


def test_answer_of_other_rows_is_refused():
    class TwoRows:
        def as_numpy(self, name):
            return np.ones((2, 1), dtype=np.float32)

    with pytest.raises(ServerError, match="2 answers to 1 rows"):
        BareLoad(num_rows=1, row_len=16)._check(TwoRows())
