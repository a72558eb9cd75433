"""Adapters that `scripts/source_model.py` refuses without asking anybody but the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from source_model import ADAPTER, PrepareError, load_source

# peft 0.21 uses a name that transformers 5.23 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers")


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped adapter that a test may spoil; the hub must not be asked for it."""

    def ask(*args: object, **options: object) -> None:
        raise AssertionError("the hub was asked")

    for name in ("file_exists", "hf_hub_download"):
        monkeypatch.setattr(f"peft.utils.save_and_load.{name}", ask)
    monkeypatch.setattr("peft.config.hf_hub_download", ask)
    return Path(shutil.copytree(ADAPTER, tmp_path / "adapter"))


def edit_config(adapter: Path, **changes: Any) -> None:
    """Sets keys of adapter_config.json; ... removes one."""
    path = adapter / "adapter_config.json"
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def test_load_source_adapter_of_the_shipped_kind_is_loaded(adapter: Path) -> None:
    model, _ = load_source(str(adapter), revision=None)
    assert model.config.id2label[2] == "joy"


def drop_weights(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()


def pickle_weights(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")


def break_config(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("{")


def become_list(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("[]")


def drop_base(adapter: Path) -> None:
    edit_config(adapter, base_model_name_or_path=...)


def number_base(adapter: Path) -> None:
    edit_config(adapter, base_model_name_or_path=7)


def rename_kind(adapter: Path) -> None:
    edit_config(adapter, peft_type="NEW")


def number_targets(adapter: Path) -> None:
    edit_config(adapter, target_modules=5)


def double_label(adapter: Path) -> None:
    config = json.loads((adapter / "config.json").read_text())
    config["id2label"]["2"] = "fear"
    (adapter / "config.json").write_text(json.dumps(config))


CONFIG = r"adapter/adapter_config\.json"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(drop_weights, r"adapter has no adapter_model\.safetensors;", id="no-weights"),
        pytest.param(pickle_weights, r"has no adapter_model\.safetensors; wr", id="pickled"),
        pytest.param(break_config, f"{CONFIG} is none that peft can read; write", id="no-json"),
        pytest.param(become_list, f"{CONFIG} is none that peft can read", id="no-object"),
        pytest.param(rename_kind, f"{CONFIG} is none that peft can read", id="unknown-kind"),
        pytest.param(drop_base, f"{CONFIG} has the base_model_name_or_path null", id="no-base"),
        pytest.param(number_base, f"{CONFIG} has the base_model_name_or_path 7", id="number-base"),
        pytest.param(number_targets, f"{CONFIG} does not fit the base .*; write", id="no-targets"),
        pytest.param(double_label, "adapter cannot be served: .*a label twice", id="double-label"),
    ],
)
def test_load_source_bad_adapter_names_the_file(
    adapter: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(adapter)
    with pytest.raises(PrepareError, match=sentence) as caught:
        load_source(str(adapter), revision=None)
    assert "\n" not in str(caught.value)
