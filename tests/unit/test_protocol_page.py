"""docs/protocol.md and its examples against what they describe."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from emotion_client.protocol import PROTOCOL
from emotion_command.checkout import REPOSITORY
from emotion_server.door_process import MAX_WAIT_S
from fake_triton import read_config
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protocol_page import EXAMPLES, PAGE, read_blocks, read_table
from tritonclient.grpc.model_config_pb2 import DataType
from tritonclient.grpc.service_pb2 import DESCRIPTOR

BATCHED = ("emotion", "emotion_text", "emotion_tokenizer")
MODELS = (*BATCHED, "emotion_info")
WIRE_NAMES = {"STRING": "BYTES"}  # other datatypes have the same name
STANDARD = FileDescriptorProto.FromString(DESCRIPTOR.serialized_pb)


@pytest.fixture(scope="module")
def proto(tmp_path_factory):
    """Returns the descriptor of our .proto file."""
    path = tmp_path_factory.mktemp("proto") / "descriptors"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{EXAMPLES}"]
    subprocess.run([*command, f"--descriptor_set_out={path}", "inference.proto"], check=True)
    (file,) = FileDescriptorSet.FromString(path.read_bytes()).file
    return file


def describe_fields(messages, *, scope):
    """Returns number, label, type, message and oneof of each field, by its full name."""
    found = {}
    for message in messages:
        name = f"{scope}.{message.name}"
        for field in message.field:
            is_in_oneof = field.HasField("oneof_index")
            oneof = message.oneof_decl[field.oneof_index].name if is_in_oneof else ""
            facts = (field.number, field.label, field.type, field.type_name, oneof)
            found[f"{name}.{field.name}"] = facts
        found |= describe_fields(message.nested_type, scope=name)
    return found


def test_proto_fields_are_those_of_the_standard(proto):
    ours = describe_fields(proto.message_type, scope=proto.package)
    standard = describe_fields(STANDARD.message_type, scope=STANDARD.package)
    assert len(ours) > 25
    assert ours == {name: standard.get(name) for name in ours}


def test_proto_calls_are_those_of_the_standard(proto):
    (ours,), (standard,) = proto.service, STANDARD.service
    assert ours.name == standard.name
    assert {method.name for method in ours.method} == {"ServerReady", "ModelInfer"}
    standard_calls = [describe_call(method) for method in standard.method]
    assert all(describe_call(method) in standard_calls for method in ours.method)


def describe_call(method):
    streaming = (method.client_streaming, method.server_streaming)
    return method.name, method.input_type, method.output_type, streaming


def read_page_models():
    """Returns the tensors of each model, as direction, name, dtype, shape."""
    models, model = {}, ""
    for name, direction, tensor, dtype, shape, _ in read_table("model"):
        model = name or model
        sizes = shape.strip("[]").split(", ")
        models.setdefault(model, []).append((direction, tensor, dtype, sizes))
    return models


def test_page_has_the_models_of_the_repository():
    assert sorted(read_page_models()) == sorted(MODELS)
    assert sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")) == sorted(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_page_has_the_tensors_of_the_model(model):
    config = read_config(REPOSITORY / model / "config.pbtxt")
    expected = []
    for direction, tensors in (("in", config.input), ("out", config.output)):
        for tensor in tensors:
            dtype = DataType.Name(tensor.data_type).removeprefix("TYPE_")
            dims = [*([-1] if config.max_batch_size else []), *tensor.dims]
            expected.append((direction, tensor.name, WIRE_NAMES.get(dtype, dtype), dims))
    written = [
        (direction, name, dtype, [int(size) if size.isdigit() else -1 for size in shape])
        for direction, name, dtype, shape in read_page_models()[model]
    ]
    assert written == expected


def test_page_names_rows_first_where_the_model_has_batches():
    for model, tensors in read_page_models().items():
        for _, name, _, shape in tensors:
            assert (shape[0] == "rows") is (model in BATCHED), (model, name)


def test_page_has_the_limits_of_the_repository():
    text = PAGE.read_text()
    configs = [read_config(REPOSITORY / model / "config.pbtxt") for model in BATCHED]
    assert {config.max_batch_size for config in configs} == {64}
    assert "`rows` is 1 to 64" in text
    assert not any(config.dynamic_batching.HasField("default_queue_policy") for config in configs)
    assert f"more than {MAX_WAIT_S:g} s for its turn" in text
    assert f"Check that `protocol` is {PROTOCOL}." in text


def test_page_shows_the_node_example_as_it_is():
    assert read_blocks("js") == [(EXAMPLES / "node" / "classify.js").read_text()]


def test_node_example_looks_for_fragments_of_the_page():
    code = (EXAMPLES / "node" / "classify.js").read_text()
    patterns = re.findall(r"^const [A-Z]+ = /(.*)/;$", code, re.MULTILINE)
    assert len(patterns) == 2
    fragments = {row[2] for row in read_table("gRPC status")}
    assert fragments.issuperset("|".join(patterns).split("|"))


def test_page_links_lead_somewhere():
    text = PAGE.read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text)
    headings = {
        re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("## ")
    }
    assert links
    for path, heading in links:
        assert Path(PAGE.parent, path).exists(), path
        assert not heading or heading in headings, heading


def test_node_example_locks_the_versions_that_it_names():
    package = json.loads((EXAMPLES / "node" / "package.json").read_text())
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == package["dependencies"]
    for name, version in package["dependencies"].items():
        assert lock[f"node_modules/{name}"]["version"] == version


def test_node_example_lock_has_no_address_of_a_registry():
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text())["packages"]
    for name, entry in lock.items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
