"""The dashboard: its layout, and the syntax of its queries."""

import subprocess
from itertools import combinations

import yaml
from stack import DASHBOARD, DEPLOY, find_tool, read_panels, read_queries, read_yaml

PROVISIONING = DEPLOY / "grafana" / "provisioning"


def test_panels_have_a_question_a_description_and_a_unit():
    panels = read_panels()
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"].endswith("?")
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_panels_use_the_provisioned_prometheus_at_its_scrape_interval():
    (source,) = read_yaml(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    for panel in read_panels():
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
    config = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_grafana_finds_the_dashboard_where_compose_mounts_it():
    (provider,) = read_yaml(PROVISIONING / "dashboards" / "emotion.yml")["providers"]
    grafana = read_yaml(DEPLOY.parent / "docker-compose.yml")["services"]["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{DASHBOARD.name}"


def test_panels_do_not_overlap():
    boxes = [panel["gridPos"] for panel in read_panels()]
    assert all(box["x"] + box["w"] <= 24 for box in boxes)
    for one, other in combinations(boxes, 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_above, (one, other)


def test_queries_can_be_parsed_by_prometheus(tmp_path):
    queries = read_queries(window="1m").values()
    rules = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    command = [find_tool("promtool"), "check", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
