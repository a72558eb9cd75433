"""docs/protocol.md and its examples against what they describe."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from emotion_client.protocol import PROTOCOL
from fake_triton import read_config
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from protocol_page import EXAMPLES, PAGE, read_blocks, read_table
from serving.triton_server import REPOSITORY
from tritonclient.grpc.model_config_pb2 import DataType
from tritonclient.grpc.service_pb2 import DESCRIPTOR

BATCHED = ("emotion", "emotion_text", "emotion_tokenizer")
MODELS = (*BATCHED, "emotion_info")
WIRE_NAMES = {"STRING": "BYTES"}  # the others are called alike
TOKEN = re.compile(r'"[^"]*"|[\w.]+|[^\s\w]')


@dataclass(frozen=True)
class Field:
    """A field of a message; `kind` is a scalar, the full name of a message, or a map."""

    number: int
    kind: str
    is_repeated: bool
    oneof: str | None


class ProtoReader:
    """Reads our .proto: messages in messages, fields, maps and oneofs, and unary calls.

    Attributes:
        fields: by message and name, as "Outer.Inner.name".
        calls: by name, the messages of question and answer.
    """

    def __init__(self, text: str) -> None:
        self._tokens = TOKEN.findall(re.sub(r"//.*", "", text))
        self.messages: set[str] = set()
        self.fields: dict[str, Field] = {}
        self.calls: dict[str, tuple[str, str]] = {}
        self._expect("syntax", "=", '"proto3"', ";")
        self._expect("package", "inference", ";")
        while self._tokens:
            if self._tokens[0] == "service":
                self._read_service()
            else:
                self._read_message("")

    def _expect(self, *tokens: str) -> None:
        found = [self._tokens.pop(0) for _ in tokens]
        assert found == list(tokens)

    def _read_service(self) -> None:
        self._expect("service", "GRPCInferenceService", "{")
        while self._tokens[0] != "}":
            self._expect("rpc")
            name = self._tokens.pop(0)
            self._expect("(")
            question = self._tokens.pop(0)
            self._expect(")", "returns", "(")
            self.calls[name] = (question, self._tokens.pop(0))
            self._expect(")", ";")
        self._expect("}")

    def _read_message(self, outer: str) -> None:
        self._expect("message")
        scope = f"{outer}{self._tokens.pop(0)}"
        self.messages.add(scope)
        self._expect("{")
        while self._tokens[0] != "}":
            if self._tokens[0] == "message":
                self._read_message(f"{scope}.")
            elif self._tokens[0] == "oneof":
                self._read_oneof(scope)
            else:
                self._read_field(scope, oneof=None)
        self._expect("}")

    def _read_oneof(self, scope: str) -> None:
        self._expect("oneof")
        name = self._tokens.pop(0)
        self._expect("{")
        while self._tokens[0] != "}":
            self._read_field(scope, oneof=name)
        self._expect("}")

    def _read_field(self, scope: str, *, oneof: str | None) -> None:
        is_repeated = self._tokens[0] == "repeated"
        *kind, name, equals, number, end = self._take_until(";")[is_repeated:]
        assert (equals, end) == ("=", ";")
        own = f"{scope}.{kind[0]}"
        full = own if own in self.messages else "".join(kind)
        self.fields[f"{scope}.{name}"] = Field(int(number), full, is_repeated, oneof)

    def _take_until(self, last: str) -> list[str]:
        count = self._tokens.index(last) + 1
        taken, self._tokens = self._tokens[:count], self._tokens[count:]
        return taken


def standard_fields(message: Descriptor) -> dict[str, Field]:
    """Returns the fields of a message of tritonclient and of those inside it."""
    found = {f"{local_name(message)}.{field.name}": describe(field) for field in message.fields}
    for inner in message.nested_types:
        found |= standard_fields(inner)
    return found


def describe(field: FieldDescriptor) -> Field:
    oneof = field.containing_oneof.name if field.containing_oneof else None
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (kind_of(field.message_type.fields_by_name[name]) for name in ("key", "value"))
        return Field(field.number, f"map<{key},{value}>", False, oneof)
    return Field(field.number, kind_of(field), field.is_repeated, oneof)


def kind_of(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return local_name(field.message_type)
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def local_name(message: Descriptor) -> str:
    return message.full_name.removeprefix("inference.")


def test_proto_fields_are_those_of_the_standard() -> None:
    standard: dict[str, Field] = {}
    for message in DESCRIPTOR.message_types_by_name.values():
        standard |= standard_fields(message)
    ours = ProtoReader((EXAMPLES / "inference.proto").read_text()).fields
    assert len(ours) > 25
    assert ours == {name: standard.get(name) for name in ours}


def test_proto_calls_are_those_of_the_standard() -> None:
    service = DESCRIPTOR.services_by_name["GRPCInferenceService"]
    ours = ProtoReader((EXAMPLES / "inference.proto").read_text())
    assert ours.calls.keys() == {"ServerReady", "ModelInfer"}
    for name, messages in ours.calls.items():
        method = service.methods_by_name[name]
        assert messages == (method.input_type.name, method.output_type.name)
        assert not method.client_streaming
        assert not method.server_streaming
        assert ours.messages.issuperset(messages)


def read_page_models() -> dict[str, list[tuple[str, str, str, list[str]]]]:
    """Returns of each model its tensors, as direction, name, dtype, shape."""
    models: dict[str, list[tuple[str, str, str, list[str]]]] = {}
    model = ""
    for name, direction, tensor, dtype, shape, _ in read_table("model"):
        model = name or model
        sizes = shape.strip("[]").split(", ")
        models.setdefault(model, []).append((direction, tensor, dtype, sizes))
    return models


def test_page_has_the_models_of_the_repository() -> None:
    assert sorted(read_page_models()) == sorted(MODELS)
    assert sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")) == sorted(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_page_has_the_tensors_of_the_model(model: str) -> None:
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


def test_page_names_rows_first_where_the_model_has_batches() -> None:
    for model, tensors in read_page_models().items():
        for _, name, _, shape in tensors:
            assert (shape[0] == "rows") is (model in BATCHED), (model, name)


def test_page_has_the_limits_of_the_repository() -> None:
    text = PAGE.read_text()
    configs = [read_config(REPOSITORY / model / "config.pbtxt") for model in BATCHED]
    assert {config.max_batch_size for config in configs} == {64}
    assert "`rows` is 1 to 64" in text
    assert not any(config.dynamic_batching.HasField("default_queue_policy") for config in configs)
    assert "The queues have no limit and no timeout of their own." in text
    assert f"Check that `protocol` is {PROTOCOL}." in text


def test_page_shows_the_node_example_as_it_is() -> None:
    assert read_blocks("js") == [(EXAMPLES / "node" / "classify.js").read_text()]


def test_node_example_looks_for_fragments_of_the_page() -> None:
    code = (EXAMPLES / "node" / "classify.js").read_text()
    patterns = re.findall(r"^const [A-Z]+ = /(.*)/;$", code, re.MULTILINE)
    assert len(patterns) == 2
    fragments = {row[2] for row in read_table("gRPC status")}
    assert fragments.issuperset("|".join(patterns).split("|"))


def test_page_links_lead_somewhere() -> None:
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


def test_node_example_locks_the_versions_that_it_names() -> None:
    package = json.loads((EXAMPLES / "node" / "package.json").read_text())
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == package["dependencies"]
    for name, version in package["dependencies"].items():
        assert lock[f"node_modules/{name}"]["version"] == version


def test_node_example_lock_has_no_address_of_a_registry() -> None:
    lock = json.loads((EXAMPLES / "node" / "package-lock.json").read_text())["packages"]
    for name, entry in lock.items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
