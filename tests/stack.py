"""Reads the files of the stack for its tests: compose files, alert rules, dashboard."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE_FILES = [ROOT / "docker-compose.yml", DEPLOY / "admin-calls.yml"]
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "emotion.json"


def find_tool(name: str) -> str:
    """Returns the path of a program in Debian's package prometheus; CI must have it."""
    path = shutil.which(name)
    if path is None:
        sentence = f"needs {name}; `apt install prometheus` installs it"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def read_rules() -> list[dict[str, Any]]:
    """Returns the recording and alert rules, in order."""
    groups = read_yaml(DEPLOY / "prometheus" / "alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def read_alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in read_rules() if "alert" in rule}


def read_panels() -> list[dict[str, Any]]:
    """Returns the panels, without the titles of rows."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in panels if panel["type"] != "row"]


def read_queries(*, window: str) -> dict[str, str]:
    """Returns every query of the dashboard, with a window instead of Grafana's variable."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", window)
        for panel in read_panels()
        for target in panel["targets"]
    }
