"""Requests and responses, without any I/O."""

import numpy as np
import pytest
from emotion_client.errors import ServerError, WrongServer
from emotion_client.protocol import (
    MAX_UNPACKED,
    PROTOCOL,
    ServerInfo,
    build_info_request,
    build_request,
    parse_info,
    parse_predictions,
    read_floats,
    read_revision,
)
from emotion_client.tokenizer import Encoding, TextTokenizer
from tritonclient.grpc.service_pb2 import ModelInferResponse

from checkpoints import LABELS

REVISION = "ab" * 32
INFO = ("tokenizer_json", "labels", "max_length", "problem_type", "revision", "protocol")
ENCODINGS = [Encoding([5], 300, True), Encoding([5, 6], 2, False)]


def pack_strings(values):
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    return b"".join(len(value).to_bytes(4, "little") + value for value in raw)


def build_response(**outputs):
    """Returns an answer with these outputs: datatype, shape, bytes."""
    response = ModelInferResponse()
    for name, (datatype, shape, raw) in outputs.items():
        response.outputs.add(name=name, datatype=datatype, shape=shape)
        response.raw_output_contents.append(raw)
    return response


@pytest.fixture
def info_outputs(read_tokenizer):
    """Returns the outputs of `emotion_info`."""
    document = read_tokenizer("bert")
    return {
        "tokenizer_json": ("BYTES", [1], pack_strings([document])),
        "labels": ("BYTES", [len(LABELS)], pack_strings(LABELS)),
        "max_length": ("INT32", [1], integer(6)),
        "problem_type": ("BYTES", [1], pack_strings(["single_label_classification"])),
        "revision": ("BYTES", [1], pack_strings([REVISION])),
        "protocol": ("INT32", [1], integer(PROTOCOL)),
    }


def prediction_outputs():
    """Returns the outputs of `emotion` for two rows and the labels anger and joy."""
    return {
        "label": ("BYTES", [2, 1], pack_strings(["joy", "anger"])),
        "confidence": ("FP32", [2, 1], floats(0.75, 0.5)),
        "probabilities": ("FP32", [2, 2], floats(0.25, 0.75, 0.5, 0.5)),
        "revision": ("BYTES", [2, 1], pack_strings([REVISION, REVISION])),
    }


def integer(value):
    return value.to_bytes(4, "little")


def floats(*values):
    return np.array(values, dtype="<f4").tobytes()


def read_input(request, index):
    tensor = request.inputs[index]
    raw = request.raw_input_contents[index]
    return np.frombuffer(raw, dtype="<i8").reshape(tuple(tensor.shape))


@pytest.fixture
def info(read_tokenizer):
    tokenizer = TextTokenizer(read_tokenizer("bert"), max_length=6)
    return ServerInfo(("anger", "joy"), 6, "single_label_classification", REVISION, tokenizer)


def test_build_request_is_a_rectangle_padded_on_the_right():
    rows = [Encoding([5, 6, 7], 3, False), Encoding([8], 1, False)]
    request = build_request(rows, revision=REVISION)
    assert request.model_name == "emotion"
    assert request.parameters["revision"].string_param == REVISION
    assert [(x.name, x.datatype, list(x.shape)) for x in request.inputs] == [
        ("input_ids", "INT64", [2, 3]),
        ("attention_mask", "INT64", [2, 3]),
    ]
    assert read_input(request, 0).tolist() == [[5, 6, 7], [8, 0, 0]]
    assert read_input(request, 1).tolist() == [[1, 1, 1], [1, 0, 0]]


def test_build_info_request_asks_for_the_named_outputs():
    assert list(build_info_request().outputs) == []
    request = build_info_request("revision", "protocol")
    assert request.model_name == "emotion_info"
    assert [output.name for output in request.outputs] == ["revision", "protocol"]


def test_parse_info_returns_everything(info_outputs):
    info = parse_info(build_response(**info_outputs), url="host:1")
    assert (info.labels, info.revision, info.max_length) == (LABELS, REVISION, 6)
    assert info.problem_type == "single_label_classification"
    (encoding,) = info.tokenizer.encode(["the " * 9])
    assert (len(encoding.input_ids), encoding.num_tokens) == (6, 11)
    assert "tokenizer" not in repr(info)


def test_parse_info_smallest_max_length_is_accepted(info_outputs):
    info_outputs["max_length"] = ("INT32", [1], integer(3))
    assert parse_info(build_response(**info_outputs), url="host:1").max_length == 3


def test_read_revision_of_the_short_answer(info_outputs):
    short = {name: info_outputs[name] for name in ("revision", "protocol")}
    assert read_revision(build_response(**short), url="host:1") == REVISION


BAD_INFO = [
    *[(name, None, f"the answer of emotion_info lacks the output {name}") for name in INFO],
    ("protocol", ("INT32", [1], integer(2)), "it speaks protocol 2, this client protocol 1"),
    ("max_length", ("INT32", [1], integer(2)), "its max_length is 2; it must be 3 or more"),
    (
        "tokenizer_json",
        ("BYTES", [1], pack_strings(['{"version": "9.0"}'])),
        "tokenizers cannot read its tokenizer; install a newer version",
    ),
]


@pytest.mark.parametrize(("name", "output", "sentence"), BAD_INFO)
def test_parse_info_bad_answer_is_a_wrong_server(name, output, sentence, info_outputs):
    outputs = {key: each for key, each in {**info_outputs, name: output}.items() if each}
    with pytest.raises(WrongServer, match=f"^host:1: {sentence}"):
        parse_info(build_response(**outputs), url="host:1")


def test_parse_predictions_returns_plain_python_values(info):
    response = build_response(**prediction_outputs())
    first, second = parse_predictions(response, encodings=ENCODINGS, info=info, url="host:1")
    assert (first.label, first.confidence) == ("joy", 0.75)
    assert type(first.confidence) is float
    assert first.scores == {"anger": 0.25, "joy": 0.75}
    assert {type(score) for score in first.scores.values()} == {float}
    assert (first.num_tokens, first.truncated, first.revision) == (300, True, REVISION)
    assert (second.label, second.num_tokens, second.truncated) == ("anger", 2, False)


def test_parse_predictions_takes_probabilities_of_0_and_1(info):
    outputs = prediction_outputs() | {"probabilities": ("FP32", [2, 2], floats(0, 1, 1, 0))}
    first, _ = parse_predictions(
        build_response(**outputs), encodings=ENCODINGS, info=info, url="host:1"
    )
    assert first.scores == {"anger": 0, "joy": 1}


NAN = float("nan")


@pytest.mark.parametrize(
    "num_values", [0, 1, MAX_UNPACKED, MAX_UNPACKED + 1, 64 * 6], ids=lambda n: f"{n}-values"
)
def test_read_floats_few_and_many_are_the_same_python_numbers(num_values):
    values = np.random.default_rng(1).random(num_values, dtype=np.float32)
    found, are_right = read_floats(values.tobytes())
    assert list(found) == values.tolist()
    assert {type(each) for each in found} <= {float}
    assert are_right is True


@pytest.mark.parametrize("wrong", [NAN, -1e-7, 1.0000001, float("inf")])
@pytest.mark.parametrize("num_values", [MAX_UNPACKED, MAX_UNPACKED + 1], ids=["few", "many"])
def test_read_floats_one_outside_0_to_1_is_noticed_anywhere(num_values, wrong):
    for place in (0, num_values // 2, num_values - 1):
        values = np.linspace(0, 1, num_values, dtype=np.float32)
        values[place] = wrong
        assert read_floats(values.tobytes())[1] is False


def test_parse_predictions_of_many_rows_gives_each_its_own_scores(info):
    num_rows = MAX_UNPACKED
    joy = np.linspace(0, 1, num_rows, dtype=np.float32)
    outputs = {
        "label": ("BYTES", [num_rows, 1], pack_strings(["joy"] * num_rows)),
        "confidence": ("FP32", [num_rows, 1], floats(*joy)),
        "probabilities": ("FP32", [num_rows, 2], np.stack([1 - joy, joy], axis=1).tobytes()),
        "revision": ("BYTES", [num_rows, 1], pack_strings([REVISION] * num_rows)),
    }
    found = parse_predictions(
        build_response(**outputs), encodings=ENCODINGS[:1] * num_rows, info=info, url="host:1"
    )
    pairs = zip((1 - joy).tolist(), joy.tolist(), strict=True)
    expected = [{"anger": anger, "joy": own} for anger, own in pairs]
    assert [each.scores for each in found] == expected
    assert [each.confidence for each in found] == joy.tolist()
    assert type(found[0].scores["joy"]) is float


BAD_OUTPUTS = [
    ("probabilities", None, "lacks the output probabilities"),
    (
        "probabilities",
        ("FP32", [1, 2], floats(0.5, 0.5)),
        r"has probabilities as FP32 \[1, 2\]; it must be FP32 \[2, 2\]",
    ),
    ("probabilities", ("FP32", [2, 3], floats(*[0.1] * 6)), r"\[2, 3\]"),
    ("confidence", ("FP32", [2], floats(0.75, 0.5)), r"as FP32 \[2\]"),
    ("confidence", ("FP64", [2, 1], b"\0" * 16), "as FP64"),
    ("confidence", ("FP32", [2, 1], floats(0.75, 7)), "has probabilities outside 0 to 1"),
    ("probabilities", ("FP32", [2, 2], floats(0.2, 0.8)), "has 8 bytes of probabilities"),
    ("probabilities", ("FP32", [2, 2], b"\0" * 15), "has 15 bytes of probabilities"),
    ("probabilities", ("FP32", [2, 2], floats(NAN, 1, 0, 1)), "has probabilities outside 0 to 1"),
    ("probabilities", ("FP32", [2, 2], floats(0, 2, 0, 1)), "has probabilities outside 0 to 1"),
    ("probabilities", ("FP32", [2, 2], floats(-1, 1, 0, 1)), "has probabilities outside 0 to 1"),
    ("label", ("BYTES", [2, 1], pack_strings(["joy", "envy"])), "that emotion_info does not list"),
    ("label", ("BYTES", [2, 1], pack_strings(["joy"])), "bytes of label that do not fit"),
    ("label", ("BYTES", [2, 1], pack_strings(["joy", "anger"])[:-1]), "bytes of label that do"),
    ("label", ("BYTES", [2, 1], b"\xff" * 9), "bytes of label that do not fit"),
    ("label", ("BYTES", [2, 1], pack_strings([b"\xff", b"joy"])), "a label that is not UTF-8"),
    ("revision", ("BYTES", [2, 1], pack_strings([REVISION, "cd"])), "a checkpoint other than abab"),
]


@pytest.mark.parametrize(("name", "output", "sentence"), BAD_OUTPUTS)
def test_parse_predictions_bad_answer_is_a_server_error(name, output, sentence, info):
    outputs = {**prediction_outputs(), name: output}
    response = build_response(**{key: each for key, each in outputs.items() if each})
    with pytest.raises(ServerError, match=f"^host:1: the answer .*{sentence}"):
        parse_predictions(response, encodings=ENCODINGS, info=info, url="host:1")


def test_parse_predictions_answer_without_contents_is_a_server_error(info):
    response = build_response(**prediction_outputs())
    del response.raw_output_contents[1:]
    with pytest.raises(ServerError, match="lacks the output"):
        parse_predictions(response, encodings=ENCODINGS, info=info, url="host:1")
