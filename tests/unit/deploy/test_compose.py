"""The compose files against their specification and what they run; the image against both."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from emotion_server.triton_server import KILL_AFTER_S, READER_TIMEOUT_S
from stack import COMPOSE_FILES, DEPLOY, ROOT, read_yaml

from scripts import healthcheck, serve

STACK, ADMIN = (read_yaml(path) for path in COMPOSE_FILES)
TRITONS = ("triton", "triton-cpu")
OURS = (*TRITONS, "locust-master", "locust-worker")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
FIRST_STAGE, LAST_STAGE = re.split(r"^FROM .+$", DOCKERFILE, flags=re.MULTILINE)[1:]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_compose_file_fits_the_specification(path):
    schema = ["--builtin-schema", "vendor.compose-spec"]
    command = [str(Path(sys.executable).with_name("check-jsonschema")), *schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_ports_are_published_only_on_this_machine_by_default():
    ports = [port for service in STACK["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 9
    for port in ports:
        assert re.fullmatch(r"(127\.0\.0\.1|\$\{[A-Z]+_BIND:-127\.0\.0\.1\}):(\d+):\2", port), port


def test_triton_profiles_differ_only_in_the_gpu():
    gpu, cpu = (dict(STACK["services"][name]) for name in TRITONS)
    (device,) = gpu.pop("deploy")["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert cpu.pop("networks") == {"default": {"aliases": ["triton"]}}
    assert (gpu.pop("profiles"), cpu.pop("profiles")) == (["gpu"], ["cpu"])
    assert gpu == cpu


def test_triton_restarts_has_shared_memory_and_enough_time_to_stop():
    triton = STACK["services"]["triton"]
    assert triton["restart"] == "unless-stopped"
    assert triton["shm_size"] == "1gb"
    assert int(triton["stop_grace_period"].removesuffix("s")) > KILL_AFTER_S + READER_TIMEOUT_S


def test_health_check_has_enough_time_for_its_two_calls():
    check = STACK["services"]["triton"]["healthcheck"]
    program, *command = check["test"]
    assert (program, command[0]) == ("CMD", "/opt/venv/bin/python")
    assert (ROOT / command[1]).resolve() == Path(healthcheck.__file__)
    assert int(check["timeout"].removesuffix("s")) > 2 * healthcheck.DEFAULT_TIMEOUT_S


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_read_only_and_without_privileges(name):
    service = STACK["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's
    assert service.get("volumes", []) == (["report:/report"] if name == "locust-master" else [])
    assert service["init"] is True  # serve.py does not reap orphans


def test_image_runs_as_a_user_who_owns_nothing():
    steps = [line.split()[0] for line in LAST_STAGE.splitlines() if line[:1].isupper()]
    assert "USER 1000:1000" in LAST_STAGE
    assert not set(steps[steps.index("USER") :]) & {"RUN", "COPY", "ADD"}
    assert "--chown" not in DOCKERFILE


def test_image_is_a_pinned_release_with_python_3_12():
    release = re.search(r"^ARG TRITON_RELEASE=(\d\d)\.(\d\d)$", DOCKERFILE, re.MULTILINE)
    assert release is not None
    assert (int(release[1]), int(release[2])) >= (26, 11)
    image = "nvcr.io/nvidia/tritonserver:${TRITON_RELEASE}-py3"
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == [image, image]
    assert "\nARG PYTHON_VERSION=3.12\n" in FIRST_STAGE
    assert "assert sys.version.startswith('${PYTHON_VERSION}.')" in FIRST_STAGE


def test_image_has_a_tag_for_each_version():
    version = PROJECT["project"]["version"]
    for name in OURS:
        image = STACK["services"][name]["image"]
        assert image == f"lyric-emotion:${{LYRIC_EMOTION_VERSION:-{version}}}"


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_other_images_are_pinned(name):
    assert re.search(r":v?\d+\.\d+\.\d+$", STACK["services"][name]["image"])


def test_image_copies_what_exists_and_is_not_ignored():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copies for source in line.split()}
    assert sources == {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / source).exists() for source in sources)


def test_image_installs_dependencies_then_packages_then_prepares_the_checkpoint():
    extras = re.search(r"-c constraints\.txt '\.\[(.+)\]'", FIRST_STAGE)
    assert set(extras[1].split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    folders = {*PROJECT["tool"]["setuptools"]["packages"]["find"]["where"]} - {"benchmarks"}
    copies = [FIRST_STAGE.index(f"\nCOPY {folder} {folder}\n") for folder in folders]
    install = FIRST_STAGE.index("--no-deps --editable .")
    assert extras.end() < min(copies)
    assert max(copies) < install < FIRST_STAGE.index("scripts/prepare_model.py")


def test_image_last_stage_has_the_same_paths_and_no_compiler():
    (workdir,) = re.findall(r"^WORKDIR (.+)$", FIRST_STAGE, re.MULTILINE)
    for path in ("/opt/venv", workdir):
        assert f"COPY --from=built {path} {path}\n" in LAST_STAGE
    assert f"WORKDIR {workdir}\n" in LAST_STAGE
    assert ("g++" in FIRST_STAGE, "g++" in LAST_STAGE) == (True, False)


def test_mounted_folders_exist():
    for name in ("prometheus", "grafana"):
        for volume in STACK["services"][name]["volumes"]:
            source, _, *mode = volume.split(":")
            if source.startswith("./"):
                assert (ROOT / source).is_dir()
                assert mode == ["ro"]


def test_triton_command_is_the_images_and_fits_serve():
    command = STACK["services"]["triton"]["command"]
    (default,) = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    assert default.replace('"', "") == f"[{', '.join(command)}]"
    args = parse_serve(command)
    assert (args.host, args.grpc_port, args.admin_key_file) == ("0.0.0.0", 8001, None)


@pytest.mark.parametrize("name", ["locust-master", "locust-worker"])
def test_load_test_calls_triton_where_it_listens(name):
    service = STACK["services"][name]
    program, *options = service["command"]
    assert (program, service["depends_on"].keys()) == ("locust", set(TRITONS))
    given = dict(option.removeprefix("--").partition("=")[::2] for option in options)
    assert (ROOT / given["locustfile"]).is_file()
    assert given["host"] == "triton:8001"
    if name == "locust-worker":
        assert given["master-host"] == "locust-master"
    else:  # by default, only the container itself can connect
        assert given["master-bind-host"] == given["web-host"] == "0.0.0.0"


@pytest.mark.parametrize("name", TRITONS)
def test_admin_calls_add_their_key_to_the_same_command(name):
    service = ADMIN["services"][name]
    command = STACK["services"][name]["command"]
    assert service["command"][: len(command)] == command
    args = parse_serve(service["command"])
    assert args.admin_key_file == Path("/run/secrets", *service["secrets"])
    assert set(service["secrets"]) == set(ADMIN["secrets"])
    key = ADMIN["secrets"]["admin-key"]["file"].removeprefix(".")
    assert key in (ROOT / ".gitignore").read_text().splitlines()


def test_operations_page_lists_variables_and_profiles():
    page = (ROOT / "docs" / "operations.md").read_text()
    stack = COMPOSE_FILES[0].read_text()
    profiles = {
        name for service in STACK["services"].values() for name in service.get("profiles", [])
    }
    for word in (*profiles, *re.findall(r"\$\{([A-Z_]+):-", stack)):
        assert word in page


def parse_serve(command):
    assert (command[0], (ROOT / command[1]).resolve()) == ("python", Path(serve.__file__))
    return serve.parse_args(command[2:])
