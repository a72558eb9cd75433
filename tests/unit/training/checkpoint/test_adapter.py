"""Merging an adapter, and adapters that are refused without a call to the hub."""

import pytest
from emotion_training.checkpoint.base_model import default_base
from emotion_training.checkpoint.prepare import prepare
from emotion_training.checkpoint.source_model import load_source
from emotion_training.errors import PrepareError
from safetensors.torch import load_file, save_file

from checkpoints import edit_json

CONFIG = "adapter_config.json"


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """The hub must not be called for a local adapter."""

    def call(*args, **options):
        raise AssertionError("the hub was called")

    for name in ("file_exists", "hf_hub_download"):
        monkeypatch.setattr(f"peft.utils.save_and_load.{name}", call)
    monkeypatch.setattr("peft.config.hf_hub_download", call)


def test_load_source_adapter_of_the_shipped_kind_is_loaded(adapter):
    model, _ = load_source(str(adapter), revision=None)
    assert model.config.id2label[2] == "joy"


def test_prepare_adapter_is_merged_into_a_base_in_a_folder(adapter, tmp_path):
    name_label(adapter, "delight")  # the shipped adapter has "joy"
    edit_json(adapter / CONFIG, base_model_name_or_path=str(default_base()))
    prepare(str(adapter), target=tmp_path / "checkpoint")
    labels = (tmp_path / "checkpoint" / "labels.txt").read_text().split()
    assert labels == ["anger", "fear", "delight", "love", "sadness", "surprise"]


def name_label(adapter, name):
    labels = ["anger", "fear", name, "love", "sadness", "surprise"]
    edit_json(adapter / "config.json", id2label=dict(enumerate(labels)))


def drop_weights(adapter):
    (adapter / "adapter_model.safetensors").unlink()


def pickle_weights(adapter):
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")


def drop_part(word):
    """Returns a change that removes the adapter's weights with a word in their name."""

    def drop(adapter):
        path = adapter / "adapter_model.safetensors"
        kept = {name: x for name, x in load_file(path).items() if word not in name}
        save_file(kept, path, metadata={"format": "pt"})

    return drop


def drop_head(adapter):
    """Makes it one that was trained without a head, as for another task."""
    edit_json(adapter / CONFIG, modules_to_save=None, task_type=None)
    drop_part("classifier")(adapter)
    drop_part("pooler")(adapter)


def edit_config(**changes):
    return lambda adapter: edit_json(adapter / CONFIG, **changes)


def write_config(content):
    return lambda adapter: (adapter / CONFIG).write_text(content)


NO_BASE = edit_config(base_model_name_or_path=...)
NUMBER_AS_BASE = edit_config(base_model_name_or_path=7)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(drop_weights, "adapter has no adapter_model.safetensors; wr", id="no-weights"),
        pytest.param(pickle_weights, "has no adapter_model.safetensors; write", id="pickled"),
        pytest.param(drop_part("classifier"), "'base_model.model.classifier.", id="lost-head"),
        pytest.param(drop_head, "lacks the weights base_model.model.classifier.", id="no-head"),
        pytest.param(
            drop_part("layer.3."),
            "lacks the weights base_model.model.bert.encoder.layer.3.",
            id="cut",
        ),
        pytest.param(write_config("{"), f"{CONFIG} cannot be read by peft; write", id="no-json"),
        pytest.param(write_config("[]"), f"{CONFIG} cannot be read by peft", id="no-object"),
        pytest.param(edit_config(peft_type="NEW"), "cannot be read by peft", id="unknown-kind"),
        pytest.param(NO_BASE, f"{CONFIG} has the base_model_name_or_path null", id="no-base"),
        pytest.param(NUMBER_AS_BASE, "has the base_model_name_or_path 7; it must", id="number"),
        pytest.param(edit_config(target_modules=5), "does not fit the base ", id="no-targets"),
        pytest.param(lambda x: name_label(x, "fear"), "a label twice", id="double-label"),
    ],
)
def test_load_source_bad_adapter_is_refused_with_the_file(adapter, spoil, message):
    spoil(adapter)
    with pytest.raises(PrepareError) as caught:
        load_source(str(adapter), revision=None)
    assert message in str(caught.value)
    assert str(adapter) in str(caught.value)
    assert "\n" not in str(caught.value)
