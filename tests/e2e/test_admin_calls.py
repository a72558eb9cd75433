"""Administrative calls need a key, on both ports."""

import json
import urllib.error
import urllib.request

import pytest
from conftest import ADMIN_KEY
from emotion_server.admin_calls import HEADER
from emotion_server.counters import count_executions
from emotion_server.probe import check
from tritonclient.utils import InferenceServerException

TIMEOUT_S = 20

# At least one call of each kind: method, arguments.
GRPC_CALLS = {
    "list-models": ("get_model_repository_index", []),
    "load-model": ("load_model", ["emotion"]),
    "unload-model": ("unload_model", ["emotion"]),
    "list-memory": ("get_system_shared_memory_status", []),
    "take-memory": ("register_system_shared_memory", ["x", "/x", 8]),
    "list-gpu-memory": ("get_cuda_shared_memory_status", []),
    "read-trace": ("get_trace_settings", []),
    "set-trace": ("update_trace_settings", [None, {"trace_level": ["TIMESTAMPS"]}]),
    "read-logging": ("get_log_settings", []),
    "set-logging": ("update_log_settings", [{"log_file": "/tmp/x"}]),
}
# Path, body; None is a GET.
HTTP_CALLS = {
    "list-models": ("repository/index", {}),
    "load-model": ("repository/models/emotion/load", {}),
    "unload-model": ("repository/models/emotion/unload", {}),
    "list-memory": ("systemsharedmemory/status", None),
    "take-memory": ("systemsharedmemory/region/x/register", {"key": "/x", "byte_size": 8}),
    "list-gpu-memory": ("cudasharedmemory/status", None),
    "read-trace": ("trace/setting", None),
    "set-trace": ("trace/setting", {"trace_level": ["TIMESTAMPS"]}),
    "read-logging": ("logging", None),
    "set-logging": ("logging", {"log_file": "/tmp/x"}),
}


@pytest.mark.parametrize("name", GRPC_CALLS)
def test_grpc_call_without_key_is_refused(triton, name):
    method, arguments = GRPC_CALLS[name]
    for headers in (None, grpc_headers("wrong")):
        with pytest.raises(InferenceServerException, match="restricted"):
            getattr(triton, method)(*arguments, headers=headers, client_timeout=TIMEOUT_S)


@pytest.mark.parametrize("name", HTTP_CALLS)
def test_http_call_without_key_is_refused(server, name):
    path, body = HTTP_CALLS[name]
    for headers in ({}, {HEADER: "wrong"}):
        assert ask(server.address.http_port, path, body=body, headers=headers) == 403


def test_other_calls_need_no_key(server, triton):
    check(triton, url=server.address.url, timeout_s=TIMEOUT_S)
    assert count_executions(triton, model="emotion") > 0
    assert triton.get_model_config("emotion").config.max_batch_size == 64
    for path in ("health/ready", "models/emotion/stats", "models/emotion/config"):
        assert ask(server.address.http_port, path) == 200


@pytest.mark.parametrize("name", ["list-models", "list-memory", "read-trace", "read-logging"])
def test_calls_with_the_key_are_answered(server, triton, name):
    method, arguments = GRPC_CALLS[name]
    getattr(triton, method)(*arguments, headers=grpc_headers(ADMIN_KEY), client_timeout=TIMEOUT_S)
    path, body = HTTP_CALLS[name]
    port = server.address.http_port
    assert ask(port, path, body=body, headers={HEADER: ADMIN_KEY}) == 200


def grpc_headers(key):
    return {f"triton-grpc-protocol-{HEADER}": key}


def ask(http_port, path, *, body=None, headers=None):
    """Returns the status of the answer."""
    url = f"http://127.0.0.1:{http_port}/v2/{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
