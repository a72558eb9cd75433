"""The Helm chart: every way to install it renders valid objects that fit the server."""

import json
import re
import subprocess
from functools import cache

import pytest
import yaml
from chart import CHART, NEWEST, OLDEST, find_errors, render, run_helm
from emotion_command.checkout import CHECKPOINT
from emotion_loadtest.autoscaler import SCALE_UP_FACTOR, SCALE_UP_PODS, SYNC_S, Limits
from emotion_loadtest.fleet import Setting
from emotion_server.address import Address
from emotion_server.door.__main__ import GRACE_S
from emotion_server.door_process import MAX_WAIT_S, STOP_TIMEOUT_S
from emotion_server.service import DOOR_TIMEOUT_S
from emotion_server.triton_server import KILL_AFTER_S, READER_TIMEOUT_S, START_TIMEOUT_S
from stack import DASHBOARD, DEPLOY, ROOT, find_tool, read_yaml

from scripts import prepare_model, serve

STACK = read_yaml(ROOT / "docker-compose.yml")["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
ADDRESS = Address()
AUTOSCALING = ["values-autoscaling.yaml"]
HUB = {
    "checkpoint.source": "hub",
    "checkpoint.hub.model": "someone/a-model",
    "checkpoint.hub.revision": "0123abc",
    "checkpoint.hub.tokenSecret": "hub",
}
PVC = {
    "checkpoint.source": "pvc",
    "checkpoint.pvc.claimName": "mine",
    "checkpoint.pvc.subPath": "best",
}
HPA = {"autoscaling.kind": "hpa"}
PLACE = {
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "fast"},
    "runtimeClassName": "nvidia",
    "priorityClassName": "high",
    "podAnnotations": {"a": "b"},
    "affinity": {"nodeAffinity": {}},
    "serve.adminKeySecret": "admin",
    "serviceMonitor.labels": {"release": "monitoring"},
    "prometheusRule.labels": {"release": "monitoring"},
    "networkPolicy.enabled": False,
}
# Name to (files of values besides values.yaml, values).
INSTALLATIONS = {
    "cpu": ([], {}),
    "gpu": (["values-gpu.yaml"], {}),
    "keda": (AUTOSCALING, {}),
    "gpu-keda": (["values-gpu.yaml", *AUTOSCALING], {}),
    "hpa": ([], HPA),
    "hub": ([], HUB),
    "pvc": ([], PVC),
    "everything": (["values-gpu.yaml", *AUTOSCALING], {**HUB, **PLACE}),
}
ALL = pytest.mark.parametrize("name", INSTALLATIONS)


@pytest.fixture(scope="module")
def install(helm):
    """Returns the objects of an installation, by kind."""

    def render_installation(name):
        values, settings = INSTALLATIONS[name]
        return render(helm, values=values, settings=settings)

    return cache(render_installation)


def assert_prometheus_parses(query, *, folder):
    path = folder / "rules.yml"
    rules = [{"record": "asked", "expr": query}]
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    command = [find_tool("promtool"), "check", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def pod_of(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]


def container_of(objects):
    (container,) = pod_of(objects)["containers"]
    return container


def last_s(probe):
    """Seconds that a probe may fail before it has an effect."""
    return probe["periodSeconds"] * probe["failureThreshold"]


@ALL
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_fits_its_schema(install, name, version):
    found = install(name).items()
    errors = {
        kind: errors for kind, each in found if (errors := find_errors(each, version=version))
    }
    assert errors == {}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "template", "spec", "containers", 0)),
        ("Headless", ("spec", "ports", 0)),
        ("NetworkPolicy", ("spec",)),
        ("ScaledObject", ("spec", "triggers", 0)),
        ("ServiceMonitor", ("spec", "endpoints", 0)),
        ("PrometheusRule", ("spec", "groups", 0)),
    ],
)
def test_schemas_find_a_wrong_name(install, kind, path):
    found = json.loads(json.dumps(install("keda")[kind]))
    part = found
    for step in path:
        part = part[step]
    part["nmae"] = "x"
    assert find_errors(found, version=NEWEST)


def test_every_file_of_values_is_tested_and_lint_finds_nothing(helm):
    used = {name for values, _ in INSTALLATIONS.values() for name in values}
    assert used == {path.name for path in CHART.glob("values-*.yaml")}
    done = run_helm(helm, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout
    assert "0 chart(s) failed" in done.stdout


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("replica", 3, "additional properties 'replica' not allowed"),
        ("serve.maxWait", 3, "additional properties 'maxWait' not allowed"),
        ("checkpoint.source", "s3", "must be one of 'image', 'pvc', 'hub'"),
        ("checkpoint.source", "pvc", "checkpoint.pvc.claimName is missing"),
        ("checkpoint.source", "hub", "checkpoint.hub.model is missing"),
        ("autoscaling.keda.busySeconds", 70, "maximum"),
    ],
)
def test_wrong_values_are_refused_with_a_reason(helm, path, value, reason):
    setting = f"--set-json={path}={json.dumps(value)}"
    done = run_helm(helm, "template", "emotion", str(CHART), setting)
    assert done.returncode != 0
    assert reason in done.stderr


def test_schema_of_the_values_has_every_value_and_no_other():
    def names(node, prefix=""):
        if not isinstance(node, dict) or not node:
            return {prefix}
        return set().union(*(names(part, f"{prefix}.{name}") for name, part in node.items()))

    schema = json.loads((CHART / "values.schema.json").read_text())

    def schema_names(node, prefix=""):
        if "properties" not in node:
            return {prefix}
        parts = node["properties"].items()
        return set().union(*(schema_names(part, f"{prefix}.{name}") for name, part in parts))

    known = schema_names(schema) - {".global"}
    for value in names(read_yaml(CHART / "values.yaml")):
        assert any(value == each or value.startswith(f"{each}.") for each in known), value
    defaults = read_yaml(CHART / "values.yaml")
    for each in known:
        part = defaults
        for step in each[1:].split("."):
            part = part[step]


def test_chart_has_the_version_of_the_project(install):
    chart = read_yaml(CHART / "Chart.yaml")
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert chart["version"] == chart["appVersion"] == version[1]
    assert container_of(install("cpu"))["image"] == f"lyric-emotion:{version[1]}"
    assert f">={OLDEST}.0-0" == chart["kubeVersion"]


@ALL
def test_command_is_the_image_s_and_fits_serve(install, name):
    program, script, *options = container_of(install(name))["args"]
    assert (program, script) == ("python", "scripts/serve.py")
    args = serve.parse_args(options)
    assert (args.host, args.max_wait) == ("0.0.0.0", MAX_WAIT_S)
    assert (args.http_port, args.grpc_port, args.metrics_port) == (8000, 8001, 8002)
    has_key = name == "everything"
    assert bool(args.admin_key_file) == has_key
    if has_key:
        mounts = container_of(install(name))["volumeMounts"]
        (mount,) = [each for each in mounts if each["name"] == "admin-key"]
        assert str(args.admin_key_file.parent) == mount["mountPath"]


@ALL
def test_ports_are_those_of_the_server_and_services_lead_to_them(install, name):
    objects = install(name)
    ports = {each["name"]: each["containerPort"] for each in container_of(objects)["ports"]}
    assert ports == {
        "http": ADDRESS.http_port,
        "grpc": ADDRESS.grpc_port,
        "metrics": ADDRESS.metrics_port,
    }
    for kind, wanted in (("Service", {"http", "grpc"}), ("Headless", {"grpc", "metrics"})):
        spec = objects[kind]["spec"]
        assert {each["name"] for each in spec["ports"]} == wanted
        for each in spec["ports"]:
            assert (each["targetPort"], each["port"]) == (each["name"], ports[each["name"]])


@ALL
def test_selectors_choose_the_pods_and_survive_a_new_version(install, name):
    objects = install(name)
    deployment = objects["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["Headless"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        *(
            each["labelSelector"]["matchLabels"]
            for each in pod_of(objects)["topologySpreadConstraints"]
        ),
    ]
    if "NetworkPolicy" in objects:
        selectors.append(objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"])
    for selector in selectors:
        assert selector == selectors[0]
        assert selector.items() <= labels.items()
    assert "app.kubernetes.io/version" not in selectors[0]


def test_startup_probe_waits_longer_than_serve_does(install):
    probe = container_of(install("cpu"))["startupProbe"]
    assert probe["httpGet"] == {"path": "/v2/health/started", "port": "http"}
    assert last_s(probe) > START_TIMEOUT_S + DOOR_TIMEOUT_S
    assert install("cpu")["Deployment"]["spec"]["progressDeadlineSeconds"] > 2 * last_s(probe)


def test_readiness_forgives_a_restart_and_liveness_leaves_restarts_to_serve(install):
    container = container_of(install("cpu"))
    ready, live = container["readinessProbe"], container["livenessProbe"]
    assert ready["httpGet"] == {"path": "/v2/health/ready", "port": "http"}
    assert live["httpGet"] == {"path": "/v2/health/live", "port": "http"}
    assert ready["failureThreshold"] == 2
    assert ready["periodSeconds"] < MAX_WAIT_S * 2
    # serve.py kills a door that hangs within 6 s, and starts it again.
    assert last_s(live) >= 60


def test_pod_has_enough_time_to_stop(install):
    objects = install("cpu")
    pause_s = container_of(objects)["lifecycle"]["preStop"]["sleep"]["seconds"]
    stop_s = STOP_TIMEOUT_S + KILL_AFTER_S + READER_TIMEOUT_S
    assert STOP_TIMEOUT_S > GRACE_S
    assert pod_of(objects)["terminationGracePeriodSeconds"] > pause_s + stop_s


@ALL
def test_a_new_pod_answers_before_an_old_one_stops(install, name):
    objects = install(name)
    deployment = objects["Deployment"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    is_scaled = {"ScaledObject", "HorizontalPodAutoscaler"} & objects.keys()
    assert ("replicas" in deployment) != bool(is_scaled)


@ALL
def test_pods_meet_the_restricted_standard(install, name):
    pod = pod_of(install(name))
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in DOCKERFILE
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@ALL
def test_pods_can_write_where_compose_lets_them(install, name):
    pod = pod_of(install(name))
    mounts = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert STACK["triton-cpu"]["shm_size"] == "1gb"
    assert volumes[mounts["/dev/shm"]]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert volumes[mounts["/tmp"]]["emptyDir"]["medium"] == "Memory"
    writable = {
        each["mountPath"]
        for each in pod["containers"][0]["volumeMounts"]
        if not each.get("readOnly")
    }
    assert writable == {"/dev/shm", "/tmp"}
    assert {*mounts.values()} == set(volumes)


@ALL
def test_cpu_is_limited_since_the_number_of_threads_follows_it(install, name):
    resources = container_of(install(name))["resources"]
    assert resources["limits"]["cpu"] == resources["requests"]["cpu"]
    assert int(resources["limits"]["cpu"]) >= 1
    assert resources["limits"].get("nvidia.com/gpu") == (
        1 if "gpu" in name or name == "everything" else None
    )


@pytest.mark.parametrize("name", ["hub", "pvc"])
def test_another_checkpoint_lies_where_the_server_reads_it(install, name):
    mounts = container_of(install(name))["volumeMounts"]
    (mount,) = [each for each in mounts if each["name"] == "checkpoint"]
    (workdir,) = {*re.findall(r"^WORKDIR (.+)$", DOCKERFILE, re.MULTILINE)}
    assert mount["mountPath"] == f"{workdir}/{CHECKPOINT.relative_to(ROOT)}"
    assert mount["readOnly"] is True
    assert mount["subPath"] == {"hub": "prepared", "pvc": "best"}[name]


def test_hub_model_is_prepared_by_revision_next_to_what_is_mounted(install):
    (prepare,) = pod_of(install("hub"))["initContainers"]
    program, script, *options = prepare["args"]
    assert (program, script) == ("python", "scripts/prepare_model.py")
    args = prepare_model.parse_args(options)
    assert (args.model, args.revision) == ("someone/a-model", "0123abc")
    # prepare_model.py replaces its output as a whole, which a mount point cannot be.
    mounts = {each["mountPath"] for each in prepare["volumeMounts"]}
    assert str(args.output.parent) in mounts
    assert args.output.name == "prepared"
    (home,) = [each["value"] for each in prepare["env"] if each["name"] == "HF_HOME"]
    assert home.startswith(f"{args.output.parent}/")


def test_network_policy_opens_callers_ports_to_callers_and_metrics_to_monitoring(install):
    policy = install("cpu")["NetworkPolicy"]["spec"]
    callers, monitoring = policy["ingress"]
    assert callers == {"from": [{"podSelector": {}}], "ports": [{"port": "http"}, {"port": "grpc"}]}
    assert monitoring["ports"] == [{"port": "metrics"}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    (hub,) = install("hub")["NetworkPolicy"]["spec"]["egress"]
    assert {each["port"] for each in hub["ports"]} == {443, 53}


def test_rules_and_dashboard_are_those_of_compose(install):
    objects = install("keda")
    rules = read_yaml(DEPLOY / "prometheus" / "alerts.yml")
    assert objects["PrometheusRule"]["spec"] == rules
    assert json.loads(objects["ConfigMap"]["data"][DASHBOARD.name]) == json.loads(
        DASHBOARD.read_text()
    )
    for path in (CHART / "files").iterdir():
        assert path.resolve().is_relative_to(DEPLOY)
        assert path.is_symlink()


def test_rules_follow_the_longest_wait(helm):
    objects = render(helm, values=AUTOSCALING, settings={"serve.maxWaitSeconds": 0.5})
    assert "--max-wait=0.5" in container_of(objects)["args"]
    rules = objects["PrometheusRule"]["spec"]["groups"][0]["rules"]
    assert rules[0] == {"record": "emotion:max_wait_seconds", "expr": "vector(0.5)"}
    assert (
        objects["PrometheusRule"]["spec"]["groups"][1:]
        == (read_yaml(DEPLOY / "prometheus" / "alerts.yml")["groups"][1:])
    )


def test_service_monitor_reads_each_pod_once_under_the_job_of_the_rules(install):
    objects = install("keda")
    selector = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
    assert selector <= objects["Headless"]["metadata"]["labels"].items()
    assert not selector <= objects["Service"]["metadata"]["labels"].items()
    (endpoint,) = objects["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["port"] == "metrics"
    (relabeling,) = endpoint["relabelings"]
    config = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")
    assert relabeling["replacement"] == config["scrape_configs"][0]["job_name"]
    assert relabeling["targetLabel"] == "job"


def test_keda_asks_for_this_release_and_hpa_for_its_container(install, tmp_path):
    objects = install("keda")
    spec = objects["ScaledObject"]["spec"]
    assert spec["scaleTargetRef"] == {"name": objects["Deployment"]["metadata"]["name"]}
    service = objects["Headless"]["metadata"]["name"]
    series = f'{{namespace="music", service="{service}"}}'
    queries = [each["metadata"]["query"] for each in spec["triggers"]]
    assert queries == [
        f"sum(rate(emotion_forward_seconds_sum{series}[30s]))",
        f"sum(max_over_time(emotion_waiting_requests{series}[30s]))",
    ]
    for query in queries:
        assert_prometheus_parses(query, folder=tmp_path)
    hpa = install("hpa")["HorizontalPodAutoscaler"]["spec"]
    (metric,) = hpa["metrics"]
    assert metric["containerResource"]["container"] == container_of(install("hpa"))["name"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior == hpa["behavior"]


def test_autoscaling_defaults_are_those_of_the_simulation(install):
    setting, limits = Setting("KEDA"), Limits()
    spec = install("keda")["ScaledObject"]["spec"]
    thresholds = [float(each["metadata"]["threshold"]) for each in spec["triggers"]]
    assert thresholds == [setting.busy_s, setting.waiting]
    (window,) = re.findall(r"\[(\d+)s\]", spec["triggers"][0]["metadata"]["query"])
    assert float(window) == setting.window_s
    scale = install("hpa")["HorizontalPodAutoscaler"]["spec"]
    assert scale["metrics"][0]["containerResource"]["target"]["averageUtilization"] == 70
    for low, high in (
        (spec["minReplicaCount"], spec["maxReplicaCount"]),
        (scale["minReplicas"], scale["maxReplicas"]),
    ):
        assert (low, high) == (limits.min_replicas, limits.max_replicas)
    up, down = scale["behavior"]["scaleUp"], scale["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert {(each["type"], each["value"]) for each in up["policies"]} == {
        ("Percent", 100 * (SCALE_UP_FACTOR - 1)),
        ("Pods", SCALE_UP_PODS),
    }
    assert {each["periodSeconds"] for each in up["policies"]} == {SYNC_S}
    assert down["stabilizationWindowSeconds"] == limits.stabilization_s
    (removal,) = down["policies"]
    assert (removal["value"], removal["periodSeconds"]) == (1, limits.removal_s)


def test_fleet_page_names_every_value():
    page = (ROOT / "docs" / "fleet.md").read_text()
    for name in read_yaml(CHART / "values.yaml"):
        assert f"`{name}`" in page, name
