"""The ensemble's config.pbtxt against those of its two steps."""

import fake_triton
from emotion_command.checkout import REPOSITORY

from checkpoints import LABELS

CONFIG, TOKENIZER, EMOTION = (
    fake_triton.read_config(REPOSITORY / model / "config.pbtxt")
    for model in ("emotion_text", "emotion_tokenizer", "emotion")
)


def test_config_steps_are_tokenizer_and_classifier():
    steps = CONFIG.ensemble_scheduling.step
    assert [step.model_name for step in steps] == ["emotion_tokenizer", "emotion"]


def test_config_outputs_are_those_of_the_steps_without_what_they_exchange():
    between = {tensor.name for tensor in EMOTION.input}
    expected = {x.name: x for x in [*EMOTION.output, *TOKENIZER.output] if x.name not in between}
    outputs = {output.name: output for output in CONFIG.output}
    assert set(outputs) == set(expected)
    for name, output in outputs.items():
        assert output.data_type == expected[name].data_type
        assert output.dims == expected[name].dims


def test_config_input_and_batch_size_are_those_of_the_tokenizer():
    assert list(CONFIG.input) == list(TOKENIZER.input)
    assert CONFIG.max_batch_size == TOKENIZER.max_batch_size == EMOTION.max_batch_size


def test_config_label_file_is_that_of_the_checkpoint(repository):
    (output,) = [output for output in CONFIG.output if output.label_filename]
    labels = repository / "emotion_text" / output.label_filename
    assert labels.read_text().splitlines() == list(LABELS)
