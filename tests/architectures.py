"""A small random classifier of every architecture that transformers has one for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import processors
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from checkpoints import LABELS, quiet_transformers, train_byte_level

ARCHITECTURES = tuple(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
MAX_LENGTH = 64
VOCABULARY = 512  # more than the tokenizer's: some tokenizers add tokens of their own
WIDTH, LAYERS, HEADS, INNER = 32, 2, 4, 64
# The names of sizes in the configs; each architecture has some of them.
SIZES: dict[str, Any] = {
    **dict.fromkeys(
        ["hidden_size", "d_model", "n_embd", "dim", "emb_dim", "embedding_size", "embed_dim"], WIDTH
    ),
    **dict.fromkeys(["num_hidden_layers", "n_layer", "n_layers", "num_layers"], LAYERS),
    **dict.fromkeys(["encoder_layers", "decoder_layers", "num_decoder_layers"], LAYERS),
    **dict.fromkeys(["num_attention_heads", "n_head", "n_heads", "num_heads"], HEADS),
    **dict.fromkeys(["encoder_attention_heads", "decoder_attention_heads"], HEADS),
    **dict.fromkeys(["intermediate_size", "ffn_dim", "d_ff", "d_inner", "n_inner"], INNER),
    **dict.fromkeys(["hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim"], INNER),
    **dict.fromkeys(["moe_intermediate_size", "shared_expert_intermediate_size"], INNER),
    **dict.fromkeys(["num_experts", "n_routed_experts", "num_local_experts"], 4),
    **dict.fromkeys(["head_dim", "d_kv", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"], 8),
    **dict.fromkeys(["kv_lora_rank", "q_lora_rank"], 16),
    **dict.fromkeys(["max_position_embeddings", "n_positions"], 160),
    **dict.fromkeys(["n_group", "topk_group", "n_shared_experts"], 1),
    "num_key_value_heads": HEADS,
    "num_experts_per_tok": 2,
    "rotary_dim": 4,
    "word_embed_proj_dim": WIDTH,
}
HYBRID = ["linear_attention", "full_attention"]
# What else an architecture needs to be small; ... leaves a size out.
OWN: dict[str, dict[str, Any]] = {
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}
    },
    "funnel": {"num_hidden_layers": ..., "block_sizes": [1, 1]},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "jamba": {"attn_layer_offset": 1, "attn_layer_period": 2},
    "layoutlmv3": {"coordinate_size": 4, "shape_size": 8},
    "lilt": {"hidden_size": 48},
    "mistral4": {"head_dim": 16},
    "modernbert-decoder": {"pad_token_id": 1},
    "perceiver": {
        **dict.fromkeys(["num_latents", "d_latents"], WIDTH),
        **dict.fromkeys(["num_self_attends_per_block", "num_blocks"], 1),
        **dict.fromkeys(["num_self_attention_heads", "num_cross_attention_heads"], HEADS),
    },
    "reformer": {"hidden_size": 32, "axial_pos_embds": False},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"]},
    "xlnet": {"max_position_embeddings": ...},
    **{name: {"layer_types": HYBRID} for name in ("qwen3_5", "qwen3_5_text", "qwen3_next")},
}
_DECODERS = """
arcee axk1 axk2 biogpt bloom ctrl deepseek_v2 deepseek_v3 diffllama doge exaone4 falcon
gemma gemma2 gemma3 gemma3_text glm glm4 gpt-sw3 gpt2 gpt_bigcode gpt_neo gpt_neox
gpt_oss gptj helium hunyuan_v1_dense hunyuan_v1_moe jamba jetmoe llama minicpm3 minimax
ministral ministral3 mistral mistral4 mixtral modernbert-decoder mpt nemotron olmo olmo2
olmo3 openai-gpt opt persimmon phi phi3 phimoe qwen2 qwen2_moe qwen3 qwen3_5
qwen3_5_text qwen3_moe qwen3_next seed_oss smollm3 stablelm starcoder2 zamba zamba2
"""
DECODERS = frozenset(_DECODERS.split())
"""Their tokenizer adds no special tokens, and has none to pad with."""


def build_architecture(name: str, folder: Path) -> Path:
    """Writes a small random classifier, always the same one.

    Args:
        name: one of `ARCHITECTURES`.
        folder: where to write.

    Returns:
        The folder.
    """
    quiet_transformers()
    is_decoder = name in DECODERS
    special = {"bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
    special |= {"pad_token_id": None if is_decoder else 1}
    settings = {"vocab_size": VOCABULARY, "initializer_range": 0.2, **special, **OWN.get(name, {})}
    config = shrink(CONFIG_MAPPING[name], settings)
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: i for i, label in enumerate(LABELS)}
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForSequenceClassification.from_config(config).eval()
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if parameter_name.endswith("bias"):
                    parameter.normal_(std=0.05)
    model.save_pretrained(folder)
    train_tokenizer(is_decoder=is_decoder).save_pretrained(folder)
    return folder


def shrink(kind: Any, settings: dict[str, Any]) -> Any:
    """Returns a config of a kind with small sizes and these settings."""
    default = kind()
    parts = {
        name: shrink(type(part), settings).to_dict()
        for name in ("text_config", "encoder", "decoder")
        if name in kind.sub_configs and (part := getattr(default, name, None)) is not None
    }
    if parts:
        return kind(**parts, **settings)
    sizes = {name: value for name, value in SIZES.items() if can_be_set(default, name)}
    chosen = {**sizes, **settings}
    return kind(**{name: value for name, value in chosen.items() if value is not ...})


def can_be_set(config: Any, name: str) -> bool:
    """Returns whether a config has a size of that name, which is not computed from others."""
    found = getattr(type(config), name, None)
    is_computed = isinstance(found, property) and found.fset is None
    return hasattr(config, name) and not is_computed


def train_tokenizer(*, is_decoder: bool) -> Any:
    """Returns a byte-level tokenizer."""
    backend = train_byte_level()
    names = {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}
    if not is_decoder:
        backend.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
        names |= {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "mask": "<mask>"}
    special = {f"{role}_token": token for role, token in names.items()}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **special)
