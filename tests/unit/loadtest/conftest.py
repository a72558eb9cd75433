"""A server that answers at once, with a tokenizer that counts words."""

import pytest
from fake_server import FakeServer
from tokenizers import Tokenizer, models, pre_tokenizers, processors

LABELS = ("calm", "storm")


def build_tokenizer():
    """A token a word, and [CLS] and [SEP] around them."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return str(tokenizer.to_str())


@pytest.fixture
def fake():
    with FakeServer(tokenizer_json=build_tokenizer(), labels=LABELS) as server:
        yield server
    assert server.violations == []
