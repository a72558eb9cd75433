"""Requests over HTTP become requests over gRPC, and answers come back."""

import json
import struct

import numpy as np
import pytest
from emotion_server.door.http_body import (
    BadBody,
    NoJson,
    read_binary_outputs,
    read_request,
    write_response,
)
from tritonclient.grpc.service_pb2 import ModelInferResponse

TEXT = {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": ["la", "Ніч 🌙"]}


def read(document, *, binary=b"", header_len=None):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    if binary:
        header_len = len(body)
    return read_request(body + binary, header_len=header_len, model="emotion", version="1")


def strings(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def test_text_becomes_strings_with_their_lengths():
    request = read({"inputs": [TEXT], "id": "7", "outputs": [{"name": "label"}]})
    assert (request.model_name, request.model_version, request.id) == ("emotion", "1", "7")
    assert list(request.inputs[0].shape) == [2, 1]
    assert request.raw_input_contents[0] == strings(b"la", "Ніч 🌙".encode())
    assert [output.name for output in request.outputs] == ["label"]


@pytest.mark.parametrize(
    ("datatype", "dtype", "data"),
    [
        ("INT64", np.int64, [1, -(2**63)]),
        ("UINT64", np.uint64, [0, 2**64 - 1]),
        ("INT32", np.int32, [1, -1]),
        ("UINT8", np.uint8, [0, 255]),
        ("FP32", np.float32, [0.5, 2]),
        ("FP64", np.float64, [0.1, 2]),
        ("BOOL", np.bool_, [True, False]),
    ],
)
@pytest.mark.parametrize("is_nested", [False, True], ids=["flat", "nested"])
def test_numbers_become_their_bytes(datatype, dtype, data, is_nested):
    nested = [[each] for each in data] if is_nested else data
    tensor = {"name": "x", "shape": [2, 1], "datatype": datatype, "data": nested}
    assert read({"inputs": [tensor]}).raw_input_contents[0] == np.array(data, dtype).tobytes()


def test_bytes_after_the_json_go_to_their_tensors():
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "INT64", "parameters": {"binary_data_size": 8}}
        for name in ("a", "b")
    ]
    request = read({"inputs": inputs}, binary=b"A" * 8 + b"B" * 8)
    assert list(request.raw_input_contents) == [b"A" * 8, b"B" * 8]
    assert not request.inputs[0].parameters


def test_parameters_keep_their_kinds():
    given = {"revision": "ab", "n": 3, "x": 0.5, "on": True}
    found = read({"inputs": [], "parameters": given}).parameters
    kinds = {key: value.WhichOneof("parameter_choice") for key, value in found.items()}
    assert kinds == {
        "revision": "string_param",
        "n": "int64_param",
        "x": "double_param",
        "on": "bool_param",
    }


def test_last_of_repeated_keys_is_the_one_that_counts():
    body = (
        b'{"inputs": [{"name": "x", "shape": [9], "shape": [1], "datatype": "INT8", "data": [1]}]}'
    )
    assert list(read(body).inputs[0].shape) == [1]


def test_bytes_that_are_not_utf8_stay_what_they_are():
    body = b'{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["caf\xe9"]}]}'
    assert read(body).raw_input_contents[0] == strings(b"caf\xe9")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'"x"', b"{}", b"[" * 100_000, b'{"a":' * 100_000],
    ids=["empty", "list", "half", "string", "no-inputs", "deep-lists", "deep-objects"],
)
def test_body_that_is_no_json_object_is_refused(body):
    with pytest.raises(NoJson, match="failed to parse the request JSON"):
        read(body)


def test_lone_surrogate_is_refused():
    tensor = {**TEXT, "data": ["\ud800", ""]}
    with pytest.raises(NoJson, match="a lone surrogate"):
        read({"inputs": [tensor]})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 3}, "name is missing"),
        ({"datatype": None}, "datatype is missing"),
        ({"shape": "2"}, "shape is missing"),
        ({"shape": [2.0, 1]}, "a shape is no list of integers"),
        ({"shape": [2**63, 1]}, "a shape is no list of integers"),
        ({"shape": [True, 1]}, "a shape is no list of integers"),
        ({"data": "la"}, "data is missing"),
        ({"data": ["la", 3]}, "an element of BYTES is no string"),
        ({"data": [["la"], "la"]}, "data mixes lists and elements"),
        ({"data": [[[[[[[[["la"]]]]]]]]]}, "data is nested deeper than 8"),
        ({"datatype": "INT64", "data": [1, 2**63]}, "an element is out of the range of INT64"),
        ({"datatype": "INT64", "data": [1, 1.5]}, "an element is no INT64"),
        ({"datatype": "INT64", "data": [1, True]}, "an element is no INT64"),
        ({"datatype": "FP16", "data": [1, 2]}, "the datatype has no JSON form"),
        ({"parameters": []}, "parameters is no object"),
        ({"parameters": {"x": [1]}}, "a parameter is neither"),
        ({"parameters": {"binary_data_size": 1}}, "binary_data_size is 1; 0 bytes are left"),
        ({"parameters": {"binary_data_size": -1}}, "binary_data_size is -1"),
    ],
)
def test_input_that_is_no_tensor_is_refused(change, sentence):
    with pytest.raises(BadBody, match=sentence):
        read({"inputs": [{**TEXT, **change}]})


@pytest.mark.parametrize("key", ["inputs", "outputs"])
@pytest.mark.parametrize("value", [3, {}, [3]], ids=["number", "object", "list-of-numbers"])
def test_tensors_that_are_no_list_of_objects_are_refused(key, value):
    with pytest.raises(BadBody, match=f"{key} is no list of objects"):
        read({"inputs": [], key: value})


def test_bytes_that_no_tensor_claims_are_refused():
    with pytest.raises(BadBody, match="3 bytes follow the last tensor"):
        read({"inputs": []}, binary=b"abc")


def test_json_longer_than_the_body_is_refused():
    with pytest.raises(BadBody, match="is given as 3; the body has 2"):
        read(b"{}", header_len=3)


@pytest.fixture
def response():
    found = ModelInferResponse(model_name="emotion_text", model_version="1", id="7")
    found.outputs.add(name="label", datatype="BYTES", shape=[2, 1])
    found.outputs.add(name="confidence", datatype="FP32", shape=[2, 1])
    found.raw_output_contents.extend(
        [strings(b"joy", b"fear"), np.array([0.5, 0.25], np.float32).tobytes()]
    )
    return found


def test_answer_is_json(response):
    content, json_len = write_response(response.SerializeToString(), binary=set())
    assert json_len is None
    assert json.loads(content) == {
        "id": "7",
        "model_name": "emotion_text",
        "model_version": "1",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [2, 1], "data": ["joy", "fear"]},
            {"name": "confidence", "datatype": "FP32", "shape": [2, 1], "data": [0.5, 0.25]},
        ],
    }


@pytest.mark.parametrize(
    ("body", "sizes"),
    [
        ({"parameters": {"binary_data_output": True}}, [15, 8]),
        ({"outputs": [{"name": "confidence", "parameters": {"binary_data": True}}]}, [None, 8]),
        ({"outputs": [{"name": "confidence", "parameters": {"binary_data": False}}]}, [None, None]),
        ({"id": "7"}, [None, None]),
    ],
)
def test_outputs_come_as_bytes_where_the_caller_says_so(response, body, sizes):
    document = json.dumps({"inputs": [], **body}).encode()
    wanted = read_binary_outputs(document, header_len=None)
    content, json_len = write_response(response.SerializeToString(), binary=wanted)
    document = json.loads(content[:json_len])
    found = [out.get("parameters", {}).get("binary_data_size") for out in document["outputs"]]
    assert found == sizes
    assert len(content[json_len:] if json_len else b"") == sum(filter(None, sizes))
