"""Attention: the layers of transformers, which are given their rotations and masks as in a model, once for all layers.

B batch, L tokens, D model width, H heads, G key heads, K channels of a head, P pairs of heads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from peering.ours import WINDOW, Weights, filled, layers
from peering.pair import Layer, Row, Sizes
from torch import Tensor


def config_of(kind: Any, sizes: Sizes, **settings: Any) -> Any:
    """Return a configuration of transformers with these sizes, in which PyTorch's fused attention is chosen."""
    common = {"hidden_size": sizes.width, "num_attention_heads": sizes.heads, "head_dim": sizes.head_dim}
    return kind(**(common | settings), num_hidden_layers=1, attn_implementation="sdpa")


def projections(weights: Weights) -> dict[str, Tensor]:
    """Return the weights of an attention by the names of transformers."""
    names = {"q_proj": "c.weight", "k_proj": "b.weight", "v_proj": "v.weight", "o_proj": "out_DC"}
    return {f"{theirs}.weight": weights[name] for theirs, name in names.items()}


def attended(module: Any, rotary: Any, sizes: Sizes, mask: Tensor | None = None) -> Layer:
    """Return a layer that is called with ready rotations and a ready mask."""
    places_1L = torch.arange(sizes.length).unsqueeze(0)
    rotations = rotary(torch.zeros(1, sizes.length, sizes.width), places_1L)
    return Layer(module, lambda x_BLD: module(x_BLD, position_embeddings=rotations, attention_mask=mask)[0])


def _llama(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.llama import modeling_llama as llama

    groups = len(weights["b.weight"]) // sizes.head_dim
    config = config_of(llama.LlamaConfig, sizes, num_key_value_heads=groups)
    module = filled(llama.LlamaAttention(config, 0), projections(weights))
    return attended(module, llama.LlamaRotaryEmbedding(config), sizes)


def _mistral(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.mistral import modeling_mistral as mistral

    config = config_of(mistral.MistralConfig, sizes, num_key_value_heads=sizes.heads, sliding_window=WINDOW)
    module = filled(mistral.MistralAttention(config, 0), projections(weights))
    place_L = torch.arange(sizes.length)
    back_LL = place_L.unsqueeze(1) - place_L
    seen_11LL = ((back_LL >= 0) & (back_LL < WINDOW)).unsqueeze(0).unsqueeze(0)
    return attended(module, mistral.MistralRotaryEmbedding(config), sizes, seen_11LL)


def _deepseek(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.deepseek_v3 import modeling_deepseek_v3 as deepseek

    size, rotated = sizes.head_dim, sizes.head_dim // 2
    config = config_of(
        deepseek.DeepseekV3Config, sizes, num_key_value_heads=sizes.heads, q_lora_rank=None, kv_lora_rank=4 * size,
        qk_nope_head_dim=size, v_head_dim=size, qk_rope_head_dim=rotated, head_dim=rotated, rope_interleave=False,
    )  # fmt: skip
    given = {
        "q_proj.weight": weights["c.weight"],
        "kv_a_proj_with_mqa.weight": weights["b.weight"],
        "kv_b_proj.weight": weights["u.weight_HC"],
        "o_proj.weight": weights["out_DC"],
    }
    module = filled(deepseek.DeepseekV3Attention(config, 0), given)
    return attended(module, deepseek.DeepseekV3RotaryEmbedding(config), sizes)


def _pairs_apart(weight_HKD: Tensor, sizes: Sizes) -> Tensor:
    """Return the first halves of all pairs, then the second halves, from halves that stand side by side."""
    return torch.unflatten(weight_HKD, 0, (-1, 2, sizes.head_dim)).transpose(0, 1)


def _diffllama(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.diffllama import modeling_diffllama as diffllama

    config = config_of(diffllama.DiffLlamaConfig, sizes, num_key_value_heads=sizes.heads, rms_norm_eps=1e-6)
    given = {name: weight for name, weight in projections(weights).items() if name == "o_proj.weight"}
    for theirs, ours in {"q": "c", "k": "b", "v": "v"}.items():
        given[f"{theirs}_proj.weight"] = _pairs_apart(weights[f"{ours}.weight"], sizes)
    factors = zip(("q1", "k1", "q2", "k2"), weights["l.vectors_N4K"][0], strict=True)
    given |= {f"lambda_{name}": vector_K for name, vector_K in factors}
    module = filled(diffllama.DiffLlamaAttention(config, 0), given)
    return attended(module, diffllama.DiffLlamaRotaryEmbedding(config), sizes)


_layer = partial(Row, packages=("transformers",), compared="layer")

ATTENTION = (
    _layer("SA-1", "LlamaAttention", build=layers("SA-1", _llama)),
    _layer("SA-3", "LlamaAttention", build=layers("SA-3", _llama)),
    _layer("SWA", "MistralAttention", build=layers("SWA", _mistral)),
    _layer("MLA-Published", "DeepseekV3Attention", build=layers("MLA-Published", _deepseek),
           differs="the peer's latent has gains"),
    _layer("SA-1-Diff-Published", "DiffLlamaAttention", build=layers("SA-1-Diff-Published", _diffllama)),
)  # fmt: skip
