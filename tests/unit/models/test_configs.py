"""The config.pbtxt of the models against each other, and against the checkpoint."""

from pathlib import PurePosixPath

import fake_triton
import pytest
from emotion_command.checkout import REPOSITORY

from checkpoints import LABELS

TEXT, TOKENIZER, EMOTION, INFO = (
    fake_triton.read_config(REPOSITORY / model / "config.pbtxt")
    for model in ("emotion_text", "emotion_tokenizer", "emotion", "emotion_info")
)


def test_ensemble_steps_are_tokenizer_and_classifier():
    steps = TEXT.ensemble_scheduling.step
    assert [step.model_name for step in steps] == ["emotion_tokenizer", "emotion"]


def test_ensemble_outputs_are_those_of_the_steps_without_what_they_exchange():
    between = {tensor.name for tensor in EMOTION.input}
    expected = {x.name: x for x in [*EMOTION.output, *TOKENIZER.output] if x.name not in between}
    outputs = {output.name: output for output in TEXT.output}
    assert set(outputs) == set(expected)
    for name, output in outputs.items():
        assert output.data_type == expected[name].data_type
        assert output.dims == expected[name].dims


def test_ensemble_input_and_batch_size_are_those_of_the_tokenizer():
    assert list(TEXT.input) == list(TOKENIZER.input)
    assert TEXT.max_batch_size == TOKENIZER.max_batch_size == EMOTION.max_batch_size


def test_label_file_is_that_of_the_checkpoint(repository):
    (output,) = [output for output in EMOTION.output if output.label_filename]
    labels = repository / EMOTION.name / output.label_filename
    assert labels.read_text().splitlines() == list(LABELS)


@pytest.mark.parametrize("config", [TEXT, TOKENIZER, EMOTION, INFO], ids=lambda config: config.name)
def test_label_files_are_inside_the_folder_of_their_model(config):
    # From release 26.02 on, Triton does not load a model with another path.
    for output in config.output:
        path = PurePosixPath(output.label_filename)
        assert not path.is_absolute()
        assert ".." not in path.parts


def test_tokenizer_outputs_are_the_inputs_of_emotion():
    outputs = {output.name: (output.data_type, list(output.dims)) for output in TOKENIZER.output}
    for tensor in EMOTION.input:
        assert outputs[tensor.name] == (tensor.data_type, list(tensor.dims))


@pytest.mark.parametrize("config", [TOKENIZER, INFO], ids=["emotion_tokenizer", "emotion_info"])
def test_checkpoint_of_emotion_is_the_one_parameter(config):
    assert {name: value.string_value for name, value in config.parameters.items()} == {
        "checkpoint": "../emotion/1/checkpoint"
    }
