"""Prometheus' configuration, the alert rules and their own tests, and what is written of them."""

from __future__ import annotations

import re
import subprocess

import pytest
from emotion_client.client import DEFAULT_TIMEOUT_S
from fake_triton import read_config
from stack import DEPLOY, ROOT, find_tool, read_alerts, read_rules, read_yaml

CONFIGS = {
    model: ROOT / "model_repository" / model / "config.pbtxt"
    for model in ("emotion", "emotion_tokenizer")
}
FOLDER = DEPLOY / "prometheus"
SEVERITIES = {"critical", "warning"}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["check", "config", "prometheus.yml"], id="configuration"),
        pytest.param(["test", "rules", "alerts_test.yml"], id="rules"),
    ],
)
def test_promtool_is_content(arguments: list[str]) -> None:
    command = [find_tool("promtool"), *arguments]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_limits_are_those_of_client_and_model() -> None:
    limits = {rule["record"]: rule["expr"] for rule in read_rules() if "record" in rule}
    assert limits == {
        "emotion:deadline_seconds": f"vector({DEFAULT_TIMEOUT_S:g})",
        "emotion:max_batch_size": f"vector({read_config(CONFIGS['emotion']).max_batch_size})",
    }


@pytest.mark.parametrize("model", CONFIGS)
def test_queues_have_no_limit_that_an_alert_would_have_to_know(model: str) -> None:
    assert not read_config(CONFIGS[model]).dynamic_batching.HasField("default_queue_policy")


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for name, rule in read_alerts().items():
        assert rule["labels"]["severity"] in SEVERITIES, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    tests = read_yaml(FOLDER / "alerts_test.yml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(read_alerts())


def test_operations_page_has_a_row_for_every_alert() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.split("## Alerts")[1].split("## ")[0]
    rows = re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:]
    assert rows == list(read_alerts())
