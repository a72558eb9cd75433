"""Makes a JSON schema of a CustomResourceDefinition: python trim_crd.py <crd.yaml> <version>.

Prints it without descriptions, defaults and status. A field that the resource does not have is an
error here, where an API server would only drop it. What a pod has (lists of containers, volumes,
affinity and so on) is cut out, since kubernetes-validate checks it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

IGNORED = {"description", "default", "status", "nullable", "format"}
POD = {"affinity", "containers", "initContainers", "tolerations", "volumes", "env", "envFrom"}
POD |= {"workerSpec", "securityContext", "topologySpreadConstraints", "ephemeralContainers"}
POD |= {"resources", "hostAliases", "dnsConfig"}
# Of KServe, what our examples do not use.
UNUSED = {"explainer", "transformer", "huggingface", "lightgbm", "onnx", "paddle", "pmml"}
UNUSED |= {"pytorch", "sklearn", "tensorflow", "triton", "xgboost"}


def trim(node: Any, *, is_names: bool = False) -> Any:
    """Returns a part of the schema; `is_names`: its keys are names of fields."""
    if isinstance(node, list):
        return [trim(each) for each in node]
    if not isinstance(node, dict):
        return node
    if is_names:
        kept = {name: part for name, part in node.items() if name not in UNUSED}
        return {name: {} if name in POD else trim(part) for name, part in kept.items()}
    ours = {
        name: trim(part, is_names=name == "properties")
        for name, part in node.items()
        if name not in IGNORED and not name.startswith("x-kubernetes")
    }
    if "properties" in ours and not node.get("x-kubernetes-preserve-unknown-fields"):
        ours["additionalProperties"] = False
    return ours


def main() -> None:
    """Reads a definition, prints the schema."""
    path, version = sys.argv[1:]
    (found,) = [
        each["schema"]["openAPIV3Schema"]
        for each in yaml.safe_load(Path(path).read_text())["spec"]["versions"]
        if each["name"] == version
    ]
    found["properties"] = {**found["properties"], "metadata": {"type": "object"}}
    found["properties"].pop("status", None)
    print(json.dumps(trim(found), separators=(",", ":"), sort_keys=True))


if __name__ == "__main__":
    main()
