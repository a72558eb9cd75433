"""The KServe example: valid, and the same server as the chart's."""

import pytest
from chart import KSERVE, NEWEST, find_errors, read_objects, render

RUNTIME = read_objects(KSERVE / "runtime.yaml")
SERVICE = read_objects(KSERVE / "inference-service.yaml")


@pytest.fixture(scope="module")
def chart(helm):
    return render(helm, values=["values-autoscaling.yaml"])


def container_of(objects):
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("found", [*RUNTIME, *SERVICE], ids=lambda found: found["kind"])
def test_every_object_fits_its_schema(found):
    assert find_errors(found, version=NEWEST) == []


def test_containers_of_the_runtime_are_a_valid_pod():
    (runtime,) = read_objects(KSERVE / "runtime.yaml")
    spec = {name: runtime["spec"][name] for name in ("containers", "volumes")}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
    assert find_errors(pod, version=NEWEST) == []
    del spec["containers"][0]["startupProbe"]["httpGet"]["port"]
    assert find_errors(pod, version=NEWEST)


def test_container_runs_as_in_the_chart(chart):
    (ours,) = read_objects(KSERVE / "runtime.yaml")[0]["spec"]["containers"]
    theirs = container_of(chart)
    assert ours["name"] == "kserve-container"  # KServe finds it by this name
    same = ("image", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "resources")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    # --max-wait is the default.
    assert ours["args"] == [each for each in theirs["args"] if not each.startswith("--max-wait")]
    assert theirs["securityContext"].items() <= ours["securityContext"].items()
    pod = chart["Deployment"]["spec"]["template"]["spec"]["securityContext"]
    assert ours["securityContext"]["runAsUser"] == pod["runAsUser"]
    ports = {each["containerPort"] for each in ours["ports"]}
    assert ports == {each["containerPort"] for each in theirs["ports"]}


def test_service_scales_and_stops_as_in_the_chart(chart):
    predictor = SERVICE[0]["spec"]["predictor"]
    pod = chart["Deployment"]["spec"]["template"]["spec"]
    assert predictor["terminationGracePeriodSeconds"] == pod["terminationGracePeriodSeconds"]
    strategy = chart["Deployment"]["spec"]["strategy"]
    assert predictor["deploymentStrategy"] == strategy
    scaled = chart["ScaledObject"]["spec"]
    assert predictor["minReplicas"] == scaled["minReplicaCount"]
    assert predictor["maxReplicas"] == scaled["maxReplicaCount"]
    wanted = [each["metadata"] for each in scaled["triggers"]]
    series = '{namespace="music", service="emotion-lyric-emotion-headless"}'
    found = [each["external"] for each in predictor["autoScaling"]["metrics"]]
    assert [each["target"]["value"] for each in found] == [each["threshold"] for each in wanted]
    assert [each["metric"]["query"] for each in found] == [
        each["query"].replace(series, '{namespace="music"}') for each in wanted
    ]


def test_service_names_the_runtime_and_a_protocol_that_it_has():
    (runtime,), model = RUNTIME, SERVICE[0]["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"] in runtime["spec"]["supportedModelFormats"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
