"""The image is built, and runs as Compose runs it. `make test-image`; minutes."""

import os
import shutil
import subprocess
import time

import pytest
from e2e.stand_in import TOOLS, Images
from emotion_client import EmotionClient, EmotionError
from emotion_command.checkout import ROOT
from emotion_server.address import FREE_PORTS, claim_ports
from stack import read_yaml

STACK = read_yaml(ROOT / "docker-compose.yml")["services"]
BASE = "nvcr.io/nvidia/tritonserver:26.11-py3"
START_TIMEOUT_S = 60.0
# What Docker sets for a container and this machine's root may not.
ULIMITS = ("--ulimit=nofile=1024:4096", "--ulimit=nproc=4096:4096")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, TOOLS)),
        reason=f"needs root and `apt install {' '.join(TOOLS)}`",
    ),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    images = Images(tmp_path_factory.mktemp("images"))
    images.build_stand_in(BASE)
    checkout = images.folder / "checkout"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
    # The stand-in has Debian's Python.
    images.build("lyric-emotion", checkout=checkout, arguments={"PYTHON_VERSION": "3.11"})
    yield images
    shutil.rmtree(images.folder, ignore_errors=True)


def wait_for_answer(client):
    end = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return client.predict("I love you")
        except EmotionError:
            assert time.monotonic() < end
            time.sleep(0.5)


def list_restrictions(service):
    """Returns podman's options for what a service of the compose file may not do."""
    assert service["read_only"] is True
    return [
        "--read-only",
        *(f"--tmpfs={mount}" for mount in service["tmpfs"]),
        *(f"--cap-drop={capability}" for capability in service["cap_drop"]),
        *(f"--security-opt={x.removesuffix(':true')}" for x in service["security_opt"]),
        f"--shm-size={service['shm_size']}",
    ]


def test_image_serves_as_compose_runs_it(images):
    service = STACK["triton-cpu"]
    address = claim_ports(FREE_PORTS)
    command = [*service["command"]]
    command[command.index("0.0.0.0")] = "127.0.0.1"  # the container has this machine's network
    ports = [f"--{name}-port={getattr(address, f'{name}_port')}" for name in ("http", "grpc")]
    ports.append(f"--metrics-port={address.metrics_port}")
    images.podman(
        *("run", "--detach", "--name=served", "--network=host", *ULIMITS),
        *(*list_restrictions(service), "lyric-emotion", *command, *ports),
    )
    try:
        with EmotionClient(address.url) as client:
            assert wait_for_answer(client).label == "love"
            assert images.podman("exec", "served", "id", "--user").strip() == "1000"
            check = service["healthcheck"]["test"][1:]
            images.podman("exec", "served", *check, f"--url={address.url}")
            images.podman("kill", "--signal=HUP", "served")
            end = time.monotonic() + START_TIMEOUT_S
            while "switched after" not in images.podman("logs", "served"):
                assert client.predict("I love you").label == "love"
                assert time.monotonic() < end
        images.podman("stop", "--time=45", "served")
        state = images.podman("inspect", "served", "--format={{.State.ExitCode}}")
        assert state.strip() == "0"
    finally:
        images.podman("rm", "--force", "served")


def test_edit_of_ours_does_not_install_the_dependencies_again(images):
    checkout = images.folder / "checkout"
    changed = checkout / "client" / "emotion_client" / "client.py"
    changed.write_text(changed.read_text() + "\n")
    log = images.build("changed", checkout=checkout, arguments={"PYTHON_VERSION": "3.11"})
    steps = {step.partition("\n")[0]: "Using cache" in step for step in log.split("STEP ")}
    (dependencies,) = [step for step in steps if "-c constraints.txt" in step]
    (client,) = [step for step in steps if "COPY client" in step]
    assert (steps[dependencies], steps[client]) == (True, False)
