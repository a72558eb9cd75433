"""The source itself: who imports whom. Nothing is imported to find out."""

import ast

import pytest
from emotion_command.checkout import ROOT

COMMAND_FOLDERS = ("scripts", "loadtest", "benchmarks")
BASE = ["emotion_command", "emotion_engine", "emotion_client"]
# Each package, lowest first, and the packages or modules of lower packages that it may import.
ALLOWED = {
    "emotion_command": [],
    "emotion_engine": [],
    "emotion_client": ["emotion_command"],
    "emotion_server": BASE,
    "emotion_training": BASE,
    "emotion_scoring": [
        *BASE,
        "emotion_training.errors",
        "emotion_training.readers",
        "emotion_training.wording",
    ],
    "emotion_loadtest": [*BASE, "emotion_server", "emotion_training.data"],
    "emotion_benchmarks": [
        *BASE,
        "emotion_server",
        "emotion_training",
        "emotion_scoring",
        "emotion_loadtest",
    ],
}
PACKAGES = {name: next(ROOT.glob(f"*/{name}")) for name in ALLOWED}
# The folders of the commands, and the names that the commands would have on sys.path.
COMMAND_NAMES = {*COMMAND_FOLDERS}
COMMAND_NAMES |= {file.stem for name in COMMAND_FOLDERS for file in (ROOT / name).glob("*.py")}
PRODUCT = [
    file
    for folder in sorted(ROOT.iterdir())
    if not folder.name.startswith((".", "tests", "build"))
    for file in folder.rglob("*.py")
]


def read_imports(source):
    """Returns the full names of all imported modules, those inside functions included."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found += [each.value for each in node.args if isinstance(each, ast.Constant)]
    return found


def find_commands(source):
    """Returns the imports that are not of packages but of commands."""
    return [name for name in read_imports(source) if name.split(".")[0] in COMMAND_NAMES]


def find_path_changes(source):
    """Returns the lines that use sys.path, in code or in code within a string."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path")
        or (isinstance(node, ast.ImportFrom) and node.module == "sys" and "path" in ast.dump(node))
        or (isinstance(node, ast.Constant) and "sys.path" in str(node.value))
    ]


def find_upward_imports(source, *, package):
    """Returns the imports that ALLOWED does not have for a package."""
    allowed = (package, *ALLOWED[package])
    return [
        name
        for name in read_imports(source)
        if name.startswith("emotion_")
        and not any(f"{name}.".startswith(f"{each}.") for each in allowed)
    ]


def read(file):
    return file.read_text(encoding="utf-8")


def test_product_never_uses_sys_path():
    assert {str(file): lines for file in PRODUCT if (lines := find_path_changes(read(file)))} == {}


def test_product_imports_no_command():
    assert {str(file): found for file in PRODUCT if (found := find_commands(read(file)))} == {}


def test_packages_import_only_lower_packages():
    lower = []
    for package, allowed in ALLOWED.items():
        assert {name.split(".")[0] for name in allowed} <= set(lower), "ALLOWED has a ring"
        lower.append(package)
        for file in PACKAGES[package].rglob("*.py"):
            assert find_upward_imports(read(file), package=package) == [], file


def test_product_is_read_whole():
    assert {folder for path in PRODUCT for folder in path.parts} >= {*ALLOWED, *COMMAND_FOLDERS}
    assert {path.name for path in PACKAGES.values()} == {
        path.name for path in ROOT.glob("*/emotion_*") if "model_repository" not in path.parts
    }


@pytest.mark.parametrize(
    ("find", "source"),
    [
        (find_path_changes, "import sys\nsys.path.append('scripts')"),
        (find_path_changes, "from sys import path"),
        (find_path_changes, "run([python, '-c', 'import sys; sys.path[:0] = [folder]'])"),
        (find_commands, "import run"),
        (find_commands, "from run import main"),
        (find_commands, "from loadtest import capacity"),
        (find_commands, "import scripts.serve as serve"),
        (find_commands, "def work():\n    from benchmarks.compare import main"),
        (find_commands, "importlib.import_module('scripts.train')"),
    ],
)
def test_readers_find_what_is_planted(find, source):
    assert find(source)
    assert not find(
        "import sys\nfrom os import path\nimport emotion_loadtest.capacity\nprint(sys.argv)"
    )


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("emotion_command", "import emotion_client"),
        ("emotion_client", "def work():\n    from emotion_server.probe import check"),
        ("emotion_client", "if TYPE_CHECKING:\n    from emotion_engine import errors"),
        ("emotion_loadtest", "from emotion_training.evaluation.local_model import load"),
        ("emotion_loadtest", "import emotion_training.database"),
        ("emotion_scoring", "from emotion_training.checkpoint.prepare import prepare"),
        ("emotion_training", "importlib.import_module('emotion_loadtest.figure')"),
    ],
)
def test_find_upward_imports_finds_what_is_planted(package, source):
    assert find_upward_imports(source, package=package)
    assert not find_upward_imports("import os, emotion_command.output", package=package)
    assert not find_upward_imports(f"from {package} import errors", package=package)
