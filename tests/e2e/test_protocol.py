"""The examples of docs/protocol.md, run against the real server as a reader would."""

import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from e2e.calls import TIMEOUT_S, ids_inputs, infer, text_inputs
from protocol_page import EXAMPLES, read_blocks, read_table
from tritonclient.utils import InferenceServerException

TEXTS = ("You left me and I weep alone", "Ніч яка місячна 🌙 I love this night")
INSTALL_TIMEOUT_S = 150
# npm's codes for a lock file that does not fit: a failure, not a reason to skip.
BAD_LOCK = {"EUSAGE", "EINTEGRITY", "ETARGET"}


@pytest.fixture(scope="module")
def answers(server):
    """What each curl block of the page prints, with the server's port instead of 8000."""
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    return [run_bash(block, http_port=server.address.http_port) for block in read_blocks("bash")]


@pytest.fixture(scope="module")
def node_example(tmp_path_factory):
    """The Node example, installed in a copy of its folder."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    examples = tmp_path_factory.mktemp("docs") / "examples"
    shutil.copytree(EXAMPLES, examples, ignore=shutil.ignore_patterns("node_modules"))
    install(examples / "node")
    return examples / "node" / "classify.js"


def install(folder):
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            ["npm", "ci", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm has not installed the example after {INSTALL_TIMEOUT_S} s")
    if done.returncode:
        code = re.search(r"\bcode (\w+)", done.stderr)
        assert code is not None, done.stderr
        assert code[1] not in BAD_LOCK, done.stderr
        pytest.skip(f"npm cannot install the example: {code[1]}")


def run_bash(block, *, http_port):
    script = block.replace("127.0.0.1:8000", f"127.0.0.1:{http_port}")
    assert script != block
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {output["name"]: output["data"] for output in json.loads(done.stdout)["outputs"]}


def run_node(script, *arguments):
    return subprocess.run(
        ["node", str(script), *arguments], capture_output=True, text=True, timeout=60
    )


def read_texts(block):
    """Returns the texts that a curl block sends."""
    body = re.search(r"-d '(.*)'", block, re.DOTALL)
    assert body is not None
    return json.loads(body[1])["inputs"][0]["data"]


def test_curl_of_texts_gives_the_clients_answers(client, answers):
    texts = read_texts(read_blocks("bash")[0])
    assert len(texts) == 2
    predictions = [client.predict(text) for text in texts]
    assert answers[0]["label"] == [prediction.label for prediction in predictions]
    expected = [prediction.confidence for prediction in predictions]
    assert answers[0]["confidence"] == pytest.approx(expected, abs=2e-2)


def test_curl_of_the_best_classes_gives_the_clients_scores(client, answers):
    scores = client.predict(*read_texts(read_blocks("bash")[1])).scores
    best = [entry.split(":") for entry in answers[1]["probabilities"]]
    assert [label for _, _, label in best] == sorted(scores, key=scores.__getitem__)[:-4:-1]
    for probability, index, label in best:
        assert float(probability) == pytest.approx(scores[label], abs=2e-2)
        assert list(scores)[int(index)] == label


def test_curl_of_the_info_gives_labels_and_revision(client, answers):
    prediction = client.predict("la")
    assert answers[2] == {
        "labels": list(prediction.scores),
        "max_length": [128],
        "revision": [prediction.revision],
        "protocol": [1],
    }


def test_curl_of_ids_gives_the_clients_answers(client, answers):
    predictions = [client.predict(text) for text in ("I love you", "rain")]
    assert answers[3]["label"] == [prediction.label for prediction in predictions]
    expected = [prediction.confidence for prediction in predictions]
    assert answers[3]["confidence"] == pytest.approx(expected, abs=2e-2)


def test_every_curl_block_is_compared(answers):
    assert len(answers) == 4


def test_node_example_gives_the_clients_answers(server, client, node_example):
    done = run_node(node_example, "--url", server.address.url, *TEXTS)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(" ") for line in done.stdout.splitlines()]
    predictions = [client.predict(text) for text in TEXTS]
    assert [label for label, _ in lines] == [prediction.label for prediction in predictions]
    for (_, confidence), prediction in zip(lines, predictions, strict=True):
        assert re.fullmatch(r"[01]\.\d\d", confidence)
        assert float(confidence) == pytest.approx(prediction.confidence, abs=2e-2)


def test_node_example_without_a_server_exits_one(node_example):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        url = f"127.0.0.1:{taken.getsockname()[1]}"
        expect_one_sentence(run_node(node_example, "--url", url, "la"), "the server is not well")


def test_node_example_refused_request_exits_one(server, node_example):
    done = run_node(node_example, "--url", server.address.url, *["la"] * 65)
    expect_one_sentence(done, "batch-size must be <= 64")


def test_node_example_without_text_exits_one(node_example):
    expect_one_sentence(run_node(node_example), "give at least one text")


def expect_one_sentence(done, words):
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"classify: .+\n", done.stderr), done.stderr
    assert words in done.stderr


REVISION = {"revision": "beef"}
TEXT = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["la"]}


@pytest.mark.parametrize(
    ("model", "inputs", "parameters", "fragment"),
    [
        pytest.param("emotion", ids_inputs([[5]]), REVISION, "revision mismatch", id="revision"),
        pytest.param("emotion_text", text_inputs(*["la"] * 65), {}, "", id="too many rows"),
        pytest.param("emotions", text_inputs("la"), {}, "is not found", id="no model"),
    ],
)
def test_grpc_refusal_is_as_the_page_says(triton, model, inputs, parameters, fragment):
    with pytest.raises(InferenceServerException) as caught:
        infer(triton, model, inputs, parameters=parameters)
    status = caught.value.status().removeprefix("StatusCode.")
    assert find_fragment(caught.value.message(), status=status, column=0) == fragment


@pytest.mark.parametrize(
    ("model", "body", "fragment"),
    [
        pytest.param(
            "emotion_text",
            {"parameters": REVISION, "inputs": [TEXT]},
            "revision mismatch",
            id="revision",
        ),
        pytest.param("emotion_text", {"inputs": [TEXT | {"name": "x"}]}, "", id="unknown input"),
        pytest.param("emotion_text", {"outputs": []}, "parse", id="no request"),
        pytest.param("emotions", {"inputs": []}, "is not found", id="no model"),
    ],
)
def test_http_refusal_is_as_the_page_says(server, model, body, fragment):
    url = f"http://127.0.0.1:{server.address.http_port}/v2/models/{model}/infer"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, data=json.dumps(body).encode(), timeout=TIMEOUT_S)
    sentence = json.loads(caught.value.read())["error"]
    assert find_fragment(sentence, status=str(caught.value.code), column=1) == fragment


def find_fragment(sentence, *, status, column):
    """Returns the fragment of the first row in the page's table that matches."""
    return next(
        row[2]
        for row in read_table("gRPC status")
        if row[column] in ("any", status) and row[2] in sentence
    )
