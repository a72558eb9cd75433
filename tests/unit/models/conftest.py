"""A model repository with a small checkpoint, and model.py files loaded as Triton loads them."""

import importlib.util
import shutil
import sys

import fake_triton
import pytest
from emotion_command.checkout import REPOSITORY

MODELS = ("emotion", "emotion_tokenizer", "emotion_text", "emotion_info")


@pytest.fixture(scope="session")
def repository(tmp_path_factory, prepared_of):
    """The four models' folders, with a small random BERT as the checkpoint."""
    folder = tmp_path_factory.mktemp("repository")
    for model in MODELS:
        (folder / model / "1").mkdir(parents=True)
        shutil.copy(REPOSITORY / model / "config.pbtxt", folder / model)
    shutil.copytree(prepared_of("bert"), folder / "emotion" / "1" / "checkpoint")
    return folder


@pytest.fixture(scope="module")
def load_model():
    """Returns a function that imports a model's model.py with the fake of Triton's module."""
    modules, path = dict(sys.modules), list(sys.path)
    sys.modules["triton_python_backend_utils"] = fake_triton

    def load(model):
        folder = REPOSITORY / model / "1"
        sys.path.append(str(folder))  # as Triton does
        spec = importlib.util.spec_from_file_location(f"{model}_model", folder / "model.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.path[:] = path
    for name in ("triton_python_backend_utils", "emotion_metrics"):
        sys.modules.pop(name, None)
        if name in modules:
            sys.modules[name] = modules[name]


@pytest.fixture(autouse=True)
def log():
    """What the models log during a test, as (severity, line)."""
    fake_triton.Logger.lines.clear()
    return fake_triton.Logger.lines
