"""Any Unicode text gets the ids that AutoTokenizer gives it."""

from functools import cache

import pytest
import transformers
from emotion_client.tokenizer import TextTokenizer
from emotion_training.checkpoint import prepare as prepare_model
from emotion_training.checkpoint.base_model import default_base
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from checkpoints import MAX_LENGTH, build_checkpoint

KINDS = ("default", "bert-cased", "roberta", "xlm-roberta")
WORDS = ("love", "naïve", "[SEP]", "<s>", "</s>", "<mask>", "[MASK]", "ﬁre", "e\u0301", "🎸", "夜")
# Any text, and texts with what tokenizers treat in a special way.
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.text(st.characters(codec="utf-8", categories=["L", "M", "Z", "P"]), max_size=300),
    st.lists(st.sampled_from([*WORDS, " ", "\n", "\t", "\u00a0", "\u200b"]), max_size=80).map(
        "".join
    ),
)


@pytest.fixture(scope="module")
def tokenizers_of(tmp_path_factory):
    """Returns the client's tokenizer for a kind, and AutoTokenizer for its source."""
    folder = tmp_path_factory.mktemp("tokenizers")
    return cache(lambda kind: load(kind, folder=folder / kind))


def load(kind, *, folder):
    source = build_source(kind, folder=folder / "source")
    prepare_model.prepare(source, target=folder / "prepared", max_length=MAX_LENGTH)
    document = (folder / "prepared" / "tokenizer.json").read_text(encoding="utf-8")
    reference = AutoTokenizer.from_pretrained(source or default_base())
    return TextTokenizer(document, max_length=MAX_LENGTH), reference


def build_source(kind, *, folder):
    """Returns the folder of a checkpoint; None is the default one."""
    if kind == "default":
        return None
    build_checkpoint(folder, kind=kind.removesuffix("-cased"))
    if kind == "bert-cased":
        vocab = AutoTokenizer.from_pretrained(folder).get_vocab()
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).unlink()
        tokenizer = transformers.BertTokenizer(vocab=vocab, do_lower_case=False)
        tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "num_texts", [150, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
)
def test_encode_generated_texts_equal_autotokenizer(kind, num_texts, tokenizers_of):
    own, reference = tokenizers_of(kind)

    @settings(
        max_examples=num_texts,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(text=TEXTS)
    def check(text):
        (encoding,) = own.encode([text])
        num_tokens = len(reference(text).input_ids)
        cut = reference(text, truncation=True, max_length=MAX_LENGTH).input_ids
        assert encoding.input_ids == cut
        assert (encoding.num_tokens, encoding.truncated) == (num_tokens, num_tokens > MAX_LENGTH)
        assert own.encode([text, ""])[0] == encoding

    check()


def test_bert_cased_tells_cases_apart(tokenizers_of):
    own, _ = tokenizers_of("bert-cased")
    upper, lower = own.encode(["LOVE", "love"])
    assert upper.input_ids != lower.input_ids
