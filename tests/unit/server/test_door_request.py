"""What the door lets through to Triton, and what it refuses in front of it."""

import struct

import numpy as np
import pytest
from emotion_server.door.native import check_request
from emotion_server.probe import build_messages
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc.service_pb2 import ModelInferRequest

NOT_A_REQUEST = "the message is no ModelInferRequest"


def build(shape=(1, 2), *, raw=b"\0" * 16, datatype="INT64", name="input_ids"):
    request = ModelInferRequest(model_name="emotion", id="7")
    request.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    return request


def check(request):
    return check_request(request.SerializeToString())


def build_strings(*texts, shape=None):
    raw = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return build(shape or (len(texts), 1), raw=raw, datatype="BYTES", name="text")


def test_good_requests_pass():
    ids = build((2, 3), raw=np.zeros((2, 3), np.int64).tobytes())
    ids.parameters["revision"].string_param = "ab"
    ids.outputs.add(name="probabilities").parameters["classification"].int64_param = 3
    for request in (ids, build_strings(b"", b"caf\xe9", b"la"), ModelInferRequest()):
        assert check(request) == ""
    assert [check_request(probe) for probe in build_messages()] == ["", ""]


@pytest.mark.parametrize(
    ("datatype", "field", "values"),
    [
        ("INT64", "int64_contents", [1, -1]),
        ("INT32", "int_contents", [1, -1]),
        ("UINT8", "uint_contents", [1, 2]),
        ("UINT64", "uint64_contents", [1, 2]),
        ("BOOL", "bool_contents", [True, False]),
        ("FP32", "fp32_contents", [0.5, 1]),
        ("FP64", "fp64_contents", [0.5, 1]),
        ("BYTES", "bytes_contents", [b"", b"la"]),
    ],
)
def test_contents_pass_with_as_many_elements_as_the_shape_has(datatype, field, values):
    request = build(raw=None, datatype=datatype)
    getattr(request.inputs[0].contents, field).extend(values)
    assert check(request) == ""
    getattr(request.inputs[0].contents, field).append(values[0])
    assert check(request) == "input_ids: the contents have 3 elements; the shape has 2"


@pytest.mark.parametrize(
    "shape",
    [
        [1, 2**61],
        [64, 36028797018963968],
        [3, 2**61],
        [2**32, 2**32],
        [2**63 - 1, 2],
        [1, 2**24 + 1],
        [1] * 7 + [2**25],
    ],
)
@pytest.mark.parametrize("raw", [None, b"", b"\0" * 8])
def test_shape_with_too_many_elements_is_refused(shape, raw):
    assert check(build(shape, raw=raw)) == "input_ids: the shape has more than 16777216 elements"


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ([1, -(2**61)], "input_ids: a dimension of the shape is -2305843009213693952"),
        ([-1, -1], "input_ids: a dimension of the shape is -1"),
        ([0, 0], "input_ids: the shape has no rows"),
        ([0, 2], "input_ids: the shape has no rows"),
        ([1] * 9, "the request has more than 8 dimensions in a shape"),
        ([1, 3], "input_ids: 16 bytes; 3 elements of INT64 have 24"),
        ([1, 1], "input_ids: 16 bytes; 1 elements of INT64 have 8"),
    ],
)
def test_shape_that_does_not_fit_is_refused(shape, sentence):
    assert check(build(shape)).startswith(sentence)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\1\0\0",
        b"\5\0\0\0la",
        b"\xff\xff\xff\xff",
        b"\2\0\0\0la\0",
        b"\2\0\0\0la\0\0\0\0",
    ],
    ids=["none", "half-a-length", "too-short", "four-gibibytes", "a-byte-more", "one-more"],
)
def test_strings_with_a_wrong_length_are_refused(raw):
    request = build((1, 1), raw=raw, datatype="BYTES", name="text")
    assert check(request).startswith("text: the bytes are not 1 strings")


def test_raw_contents_for_another_number_of_inputs_are_refused():
    request = build()
    request.raw_input_contents.append(b"")
    assert "1 inputs and 2 raw_input_contents" in check(request)


def test_contents_beside_raw_ones_are_refused():
    request = build()
    request.inputs[0].contents.int64_contents.append(1)
    assert check(request) == "input_ids: contents and raw_input_contents are given"


def test_contents_of_another_datatype_are_refused():
    request = build(raw=None)
    request.inputs[0].contents.bytes_contents.extend([b"", b""])
    assert check(request) == "input_ids: the contents are not of the datatype"


@pytest.mark.parametrize("name", ["label", "revision", "confidence", ""])
def test_classes_of_other_outputs_than_probabilities_are_refused(name):
    request = build()
    request.outputs.add(name=name).parameters["classification"].int64_param = 1
    assert "only probabilities have classes" in check(request)


@pytest.mark.parametrize("number", [0, -1, 2**16 + 1, 2**62])
def test_number_of_classes_out_of_range_is_refused(number):
    request = build()
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = number
    assert check(request) == f"classification is {number}; expected 1 to 65536"


@pytest.mark.parametrize("owner", ["inputs", "outputs"])
def test_shared_memory_is_refused(owner):
    request = build()
    request.outputs.add(name="label")
    getattr(request, owner)[0].parameters["shared_memory_region"].string_param = "x"
    assert check(request) == "shared memory is not served; send the tensor itself"


def test_unknown_datatype_is_refused_without_repeating_it():
    assert check(build(datatype="secret")) == "input_ids: the datatype is none of KServe v2"


def test_name_that_could_be_a_text_is_not_repeated():
    assert check(build((1, 1), name="I love you")).startswith("a tensor: 16 bytes")


@pytest.mark.parametrize("field", ["model_name", "model_version", "id"])
def test_long_names_are_refused(field):
    request = build()
    setattr(request, field, "x" * 257)
    assert check(request) == "a name has 257 bytes; limit is 256"


@pytest.mark.parametrize("what", ["inputs", "outputs", "raw_input_contents"])
def test_too_many_tensors_are_refused(what):
    request = ModelInferRequest()
    for _ in range(17):
        if what == "raw_input_contents":
            request.raw_input_contents.append(b"")
        else:
            getattr(request, what).add()
    assert check(request) == f"the request has more than 16 {what}"


@pytest.mark.parametrize(
    "message",
    [b"\0", b"\x08\x01", b"\x0a\x05ab", b"\x42\x00", b"\x0b", b"\x0a" + b"\xff" * 10],
    ids=["no-field", "wrong-type", "short", "unknown-field", "group", "endless-number"],
)
def test_bytes_that_are_no_request_are_refused(message):
    assert check_request(message) == NOT_A_REQUEST


@given(st.binary(max_size=200))
def test_any_bytes_get_a_verdict(message):
    assert isinstance(check_request(message), str)


@given(st.data())
def test_damaged_request_that_passes_is_one_that_protobuf_reads_the_same_way(data):
    message = bytearray(build_strings(b"la", b"rain").SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(message) - 1))
        message[i] = data.draw(st.integers(0, 255))
    if check_request(bytes(message)) != "":
        return
    try:
        read = ModelInferRequest.FromString(bytes(message))
    except Exception:
        return  # protobuf refuses more: text that is no UTF-8
    assert check(read) == ""
