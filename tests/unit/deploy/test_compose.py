"""The compose files against the compose specification, and against what they run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import healthcheck
import pytest
import serve
from serving.triton_server import KILL_AFTER_S, READER_TIMEOUT_S
from stack import COMPOSE_FILES, DEPLOY, ROOT, read_yaml

STACK, ADMIN = (read_yaml(path) for path in COMPOSE_FILES)
TRITONS = ("triton", "triton-cpu")
OURS = (*TRITONS, "locust-master", "locust-worker")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_compose_file_fits_the_specification(path: Path) -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    command = [str(Path(sys.executable).with_name("check-jsonschema")), *schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_ports_are_published_on_this_machine_alone_by_default() -> None:
    ports = [port for service in STACK["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 9
    for port in ports:
        assert re.fullmatch(r"(127\.0\.0\.1|\$\{[A-Z]+_BIND:-127\.0\.0\.1\}):(\d+):\2", port), port


def test_triton_profiles_differ_in_the_gpu_alone() -> None:
    gpu, cpu = (dict(STACK["services"][name]) for name in TRITONS)
    (device,) = gpu.pop("deploy")["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert cpu.pop("networks") == {"default": {"aliases": ["triton"]}}
    assert (gpu.pop("profiles"), cpu.pop("profiles")) == (["gpu"], ["cpu"])
    assert gpu == cpu


def test_triton_starts_again_and_has_its_shared_memory() -> None:
    triton = STACK["services"]["triton"]
    assert triton["restart"] == "unless-stopped"
    assert triton["shm_size"] == "1gb"


def test_triton_has_longer_to_stop_than_it_needs() -> None:
    patience = re.fullmatch(r"(\d+)s", STACK["services"]["triton"]["stop_grace_period"])
    assert patience is not None
    assert int(patience[1]) > KILL_AFTER_S + READER_TIMEOUT_S


def test_health_check_has_longer_than_its_two_questions() -> None:
    check = STACK["services"]["triton"]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert (ROOT / check["test"][2]).resolve() == Path(healthcheck.__file__)
    assert int(check["timeout"].removesuffix("s")) > 2 * healthcheck.DEFAULT_TIMEOUT_S


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing(name: str) -> None:
    service = STACK["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's
    assert service.get("volumes", []) == (["report:/report"] if name == "locust-master" else [])
    assert service["init"] is True  # serve.py is no init: it reaps no orphans


def test_image_runs_as_somebody_without_rights() -> None:
    steps = [line.split()[0] for line in DOCKERFILE.splitlines() if line[:1].isupper()]
    assert "USER 1000:1000" in DOCKERFILE
    assert not set(steps[steps.index("USER") :]) & {"RUN", "COPY", "ADD"}
    assert "--chown" not in DOCKERFILE


def test_image_is_a_pinned_release_with_python_3_12() -> None:
    release = re.search(r"^ARG TRITON_RELEASE=(\d\d)\.(\d\d)$", DOCKERFILE, re.MULTILINE)
    assert release is not None
    assert (int(release[1]), int(release[2])) >= (24, 12)
    assert "FROM nvcr.io/nvidia/tritonserver:${TRITON_RELEASE}-py3" in DOCKERFILE
    assert "(3, 12)" in DOCKERFILE


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_other_images_are_pinned(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", STACK["services"][name]["image"])


def test_image_takes_files_that_are_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    taken = {line[1:] for line in lines if line.startswith("!")}
    sources = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }
    assert sources == taken
    assert all((ROOT / source).exists() for source in sources)


def test_image_installs_extras_that_are_there() -> None:
    extras = re.search(r"'\.\[(.+)\]'", DOCKERFILE)
    assert extras is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])


def test_mounted_files_are_there() -> None:
    for name in ("prometheus", "grafana"):
        for volume in STACK["services"][name]["volumes"]:
            source, _, *mode = volume.split(":")
            if source.startswith("./"):
                assert (ROOT / source).is_dir()
                assert mode == ["ro"]


def test_commands_of_triton_are_those_of_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    command = STACK["services"]["triton"]["command"]
    (default,) = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    assert default.replace('"', "") == f"[{', '.join(command)}]"
    args = parse_serve(command, monkeypatch=monkeypatch)
    assert (args.host, args.grpc_port, args.admin_key_file) == ("0.0.0.0", 8001, None)


@pytest.mark.parametrize("name", ["locust-master", "locust-worker"])
def test_load_test_calls_triton_where_it_listens(name: str) -> None:
    service = STACK["services"][name]
    program, *options = service["command"]
    assert (program, service["depends_on"].keys()) == ("locust", set(TRITONS))
    given = dict(option.removeprefix("--").partition("=")[::2] for option in options)
    assert (ROOT / given["locustfile"]).is_file()
    assert given["host"] == "triton:8001"
    if name == "locust-worker":
        assert given["master-host"] == "locust-master"
    else:  # its own default is the container alone
        assert given["master-bind-host"] == given["web-host"] == "0.0.0.0"


@pytest.mark.parametrize("name", TRITONS)
def test_admin_calls_add_their_key_to_the_same_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = ADMIN["services"][name]
    command = STACK["services"][name]["command"]
    assert service["command"][: len(command)] == command
    args = parse_serve(service["command"], monkeypatch=monkeypatch)
    assert args.admin_key_file == Path("/run/secrets", *service["secrets"])
    assert set(service["secrets"]) == set(ADMIN["secrets"])
    key = ADMIN["secrets"]["admin-key"]["file"].removeprefix(".")
    assert key in (ROOT / ".gitignore").read_text().splitlines()


def test_operations_page_names_the_variables_and_profiles() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    stack = COMPOSE_FILES[0].read_text()
    profiles = {
        name for service in STACK["services"].values() for name in service.get("profiles", [])
    }
    for word in (*profiles, *re.findall(r"\$\{([A-Z_]+):-", stack)):
        assert word in page


def parse_serve(command: list[str], *, monkeypatch: pytest.MonkeyPatch) -> Any:
    assert (command[0], (ROOT / command[1]).resolve()) == ("python", Path(serve.__file__))
    monkeypatch.setattr(sys, "argv", command[1:])
    return serve.parse_args()
