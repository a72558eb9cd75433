"""Where the time of a lone request goes."""

import pytest
from emotion_benchmarks.overhead.steps import TRITON_STEPS, Statistics, read_statistics, trace
from emotion_client import EmotionClient, ServerError, Unavailable, WrongServer
from tritonclient.utils import InferenceServerException


class Counting:
    """Triton's statistics, as JSON has them: 0 is left out, numbers are strings."""

    def __init__(self, *num_requests):
        self.num_requests = iter(num_requests)

    def get_inference_statistics(self, model, *, as_json, client_timeout):
        assert (model, as_json) == ("emotion", True)
        assert client_timeout > 0
        if (num := next(self.num_requests)) is None:
            raise InferenceServerException("Connection refused", status="StatusCode.UNAVAILABLE")
        steps = {
            step: {"count": str(num), "ns": str(num * place * 1_000_000)} if num * place else {}
            for place, step in enumerate(TRITON_STEPS)
        }
        success = {"success": {"count": str(num), "ns": "7"} if num else {}}
        return {"model_stats": [{"name": model, "inference_stats": success | steps}]}


def test_find_means_are_of_the_requests_that_triton_counted():
    server = Counting(0, 40, 50)
    nothing, before, after = (read_statistics(server) for _ in range(3))
    assert nothing == Statistics(0, [0, 0, 0, 0])
    assert before.find_means(nothing) == after.find_means(before) == [0, 1, 2, 3]


def test_find_means_without_requests_is_an_error():
    with pytest.raises(ServerError, match="Triton counted 0 answers"):
        Statistics(5, [0] * 4).find_means(Statistics(5, [0] * 4))


@pytest.mark.parametrize(
    ("counts", "kind", "sentence"),
    [
        pytest.param((None,), Unavailable, "the server: Connection refused", id="statistics"),
        # The fake has no health service, which the real door has.
        pytest.param((0, 21), WrongServer, r"127\.0\.0\.1:\d+: ", id="health"),
    ],
)
def test_trace_errors_are_those_of_the_client(counts, kind, sentence, fake):
    with EmotionClient(fake.url) as client, pytest.raises(kind, match=sentence):
        trace(client, Counting(*counts), texts=["la la"], check=lambda: None)
