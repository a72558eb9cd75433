"""The model behind one address is changed for another while a client goes on."""

import pytest
from conftest import copy_repository
from e2e.calls import infer, text_inputs
from emotion_server.address import FREE_PORTS, claim_ports
from emotion_server.triton_server import TritonServer
from emotion_training.checkpoint import prepare as prepare_model
from tritonclient.grpc import InferenceServerClient

from checkpoints import TEXTS, build_checkpoint


@pytest.fixture(scope="module")
def repository_of(tmp_path_factory):
    """Returns a repository with a small checkpoint of a kind."""

    def build(kind):
        folder = tmp_path_factory.mktemp(kind)
        source = build_checkpoint(folder / "source", kind=kind)
        repository = copy_repository(folder / "repository", parameters={"dtype": "float32"})
        prepare_model.prepare(str(source), target=repository / "emotion" / "1" / "checkpoint")
        return repository

    return build


@pytest.mark.parametrize(
    "open_client", ["sync", pytest.param("async", marks=pytest.mark.long)], indirect=True
)
def test_client_follows_the_model_there_and_back(repository_of, open_client):
    address = claim_ports(FREE_PORTS)
    first, second = repository_of("bert"), repository_of("roberta")
    client = open_client(address.url, timeout_s=60)
    revisions = []
    for repository in (first, second, first):
        with TritonServer(repository, address=address):
            found = [client.predict(text) for text in TEXTS]
            found += client.predict_many(TEXTS)
            with InferenceServerClient(address.url) as triton:
                reference = infer(triton, "emotion_text", text_inputs(*TEXTS))
        expected = reference.as_numpy("probabilities").tolist() * 2
        num_tokens = reference.as_numpy("num_tokens").ravel().tolist() * 2
        for prediction, row, num in zip(found, expected, num_tokens, strict=True):
            assert list(prediction.scores.values()) == pytest.approx(row, abs=1e-5)
            assert prediction.num_tokens == num
        (revision,) = {prediction.revision for prediction in found}
        revisions.append(revision)
    assert revisions[0] == revisions[2] != revisions[1]
