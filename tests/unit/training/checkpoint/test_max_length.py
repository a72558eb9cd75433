"""How many tokens of a text are read."""

import json
from types import SimpleNamespace

import pytest
from emotion_training.checkpoint.max_length import choose_max_length
from emotion_training.errors import PrepareError

NOT_STATED = int(1e30)  # transformers' model_max_length of a tokenizer that has none


def choose(folder, *, stated, num_positions, wanted=None):
    source = SimpleNamespace(
        config=SimpleNamespace(max_position_embeddings=num_positions), named_modules=list
    )
    tokenizer = SimpleNamespace(model_max_length=stated)
    return choose_max_length(wanted, folder=folder, source=source, tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("stated", "num_positions", "max_length"),
    [
        pytest.param(64, 512, 64, id="stated"),
        pytest.param(512, 512, 128, id="stated-long"),
        pytest.param(NOT_STATED, 512, 128, id="not-stated"),
        pytest.param(1e30, 512, 128, id="not-stated-as-float"),
        pytest.param(NOT_STATED, 77, 77, id="not-stated-and-few-positions"),
        pytest.param(99, 77, 77, id="more-than-positions"),
    ],
)
def test_choose_max_length_of_a_foreign_classifier(stated, num_positions, max_length, tmp_path):
    assert choose(tmp_path, stated=stated, num_positions=num_positions) == max_length
    assert choose(tmp_path, stated=stated, num_positions=num_positions, wanted=70) == 70


@pytest.mark.parametrize("name", ["adapter_config.json", "labels.txt"])
@pytest.mark.parametrize(
    ("own", "max_length"),
    [
        pytest.param(None, 128, id="no-file"),
        pytest.param({}, 128, id="not-stated"),
        pytest.param({"model_max_length": 256}, 256, id="stated-long"),
        pytest.param({"model_max_length": 32}, 32, id="stated-short"),
        pytest.param({"model_max_length": 999}, 512, id="more-than-positions"),
    ],
)
def test_choose_max_length_of_our_own_folder_is_what_it_states(name, own, max_length, tmp_path):
    (tmp_path / name).touch()
    if own is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(own))
    assert choose(tmp_path, stated=64, num_positions=512) == max_length


@pytest.mark.parametrize(("wanted", "is_taken"), [(2, False), (3, True), (512, True), (513, False)])
def test_choose_max_length_wanted_by_the_user_is_3_to_the_positions(wanted, is_taken, tmp_path):
    if is_taken:
        assert choose(tmp_path, stated=64, num_positions=512, wanted=wanted) == wanted
    else:
        with pytest.raises(PrepareError, match=f"is {wanted}; this model takes 3 to 512"):
            choose(tmp_path, stated=64, num_positions=512, wanted=wanted)


@pytest.mark.parametrize("stated", [None, "16", -1, 2, True, 1.5], ids=repr)
def test_choose_max_length_malformed_is_refused_unless_another_is_wanted(stated, tmp_path):
    message = f"model_max_length in tokenizer_config.json is {json.dumps(stated)}; it must be an in"
    with pytest.raises(PrepareError, match=message):
        choose(tmp_path, stated=stated, num_positions=512)
    assert choose(tmp_path, stated=stated, num_positions=512, wanted=16) == 16
    assert choose(tmp_path, stated=3, num_positions=512) == 3
    (tmp_path / "labels.txt").touch()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": stated}))
    with pytest.raises(PrepareError, match=message):
        choose(tmp_path, stated=64, num_positions=512)


@pytest.mark.parametrize(
    ("content", "problem"), [("{", "JSON"), ("\x00", "JSON"), ("[]", "a JSON object")]
)
def test_choose_max_length_broken_file_is_refused(content, problem, tmp_path):
    (tmp_path / "labels.txt").touch()
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(PrepareError, match=rf"tokenizer_config\.json is not {problem}; write"):
        choose(tmp_path, stated=64, num_positions=512)
