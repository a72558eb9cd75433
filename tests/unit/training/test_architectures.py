"""Every architecture is prepared, evaluated and trained, or refused with a sentence."""

import pytest
from architectures import ARCHITECTURES, MAX_LENGTH, build_architecture
from emotion_training.checkpoint.prepare import prepare
from emotion_training.errors import ModelError, PrepareError
from emotion_training.evaluation.local_model import load

from checkpoints import LABELS, VERSES
from scripts import train

QUICK = ("canine", "mpnet", "qwen3", "t5")
MARKS = {"layoutlmv2": [pytest.mark.skip(reason="needs detectron2")]}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=MARKS.get(name, []) + ([] if name in QUICK else [pytest.mark.long])
        )
        for name in ARCHITECTURES
    ],
)
def test_architecture_works_or_is_refused(name, tmp_path, capsys):
    source = str(build_architecture(name, tmp_path / "source"))
    refused = []
    try:
        prepare(source, target=tmp_path / "checkpoint", max_length=MAX_LENGTH)
    except PrepareError as error:
        refused.append(str(error))
    try:
        model = load(source)
        probabilities = model.predict(VERSES, batch_size=8, advance=lambda num_done: None)
        assert probabilities.shape == (len(VERSES), len(LABELS))
    except (ModelError, PrepareError) as error:
        refused.append(str(error))
    rows = [f'"{VERSES[i % 8]} {label} {i}",{label}' for i in range(3) for label in LABELS]
    data = tmp_path / "mine.csv"
    data.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    options = [f"--train={data}", f"--base={source}", f"--output={tmp_path / 'out'}"]
    code = train.main(
        [*options, "--full", "--epochs=1", "--verses=0", f"--max-length={MAX_LENGTH}"]
    )
    errors = capsys.readouterr().err
    assert (code, errors.count("train: ")) in ((0, 0), (2, 1)), errors
    if code:
        refused.append(errors.strip())
    assert all("\n" not in sentence for sentence in refused)
