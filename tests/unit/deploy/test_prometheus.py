"""Prometheus's configuration, the alert rules with their tests, and the documentation of both."""

import re
import subprocess

import pytest
from emotion_server.door_process import MAX_WAIT_S
from fake_triton import read_config
from stack import DEPLOY, ROOT, find_tool, read_alerts, read_rules, read_yaml

CONFIGS = {
    model: ROOT / "model_repository" / model / "config.pbtxt"
    for model in ("emotion", "emotion_tokenizer")
}
FOLDER = DEPLOY / "prometheus"
SEVERITIES = {"critical", "warning"}


@pytest.mark.parametrize(
    "arguments", [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]]
)
def test_promtool_accepts(arguments):
    command = [find_tool("promtool"), *arguments]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_limits_are_those_of_door_and_model():
    limits = {rule["record"]: rule["expr"] for rule in read_rules() if "record" in rule}
    assert limits == {
        "emotion:max_wait_seconds": f"vector({MAX_WAIT_S:g})",
        "emotion:max_batch_size": f"vector({read_config(CONFIGS['emotion']).max_batch_size})",
    }


@pytest.mark.parametrize("model", CONFIGS)
def test_queues_have_no_limit(model):
    assert not read_config(CONFIGS[model]).dynamic_batching.HasField("default_queue_policy")


def test_alerts_have_severity_meaning_and_remedy():
    for name, rule in read_alerts().items():
        assert rule["labels"]["severity"] in SEVERITIES, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name


def test_alerts_have_a_test_in_which_they_fire():
    tests = read_yaml(FOLDER / "alerts_test.yml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(read_alerts())


def test_operations_page_has_a_row_for_every_alert():
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.split("## Alerts")[1].split("## ")[0]
    rows = re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:]
    assert rows == list(read_alerts())
