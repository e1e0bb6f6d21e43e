"""Recurrent layers of transformers and of mambapy, in their forms for machines without a GPU.

B batch, L tokens, D model width, H heads, K key channels, V value channels of a head.
"""

from __future__ import annotations

import inspect
from functools import partial
from types import ModuleType

import torch
from peering.attention import config_of
from peering.ours import Weights, filled, latest_last, layers
from peering.pair import Layer, Row, Sizes
from torch import Tensor, nn

STEPS_SHARE = 16
"""The width divided by the channels of the projection of Mamba's steps."""


def joined(weights: Weights, names: str, part: str) -> Tensor:
    """Return a weight of several groups, one below the other."""
    return torch.cat([weights[f"{name}.{part}"] for name in names])


def mamba_1(weights: Weights) -> dict[str, Tensor]:
    """Return the weights of Mamba-1-Published by the names that both peers use."""
    return {
        "A_log": weights["a.log_rate_HK"],
        "D": weights["s.weight_HV"],
        "in_proj.weight": joined(weights, "vo", "weight"),
        "conv1d.weight": latest_last(weights["v.taps"]),
        "conv1d.bias": weights["v.taps_bias_C"],
        "x_proj.weight": torch.cat([weights["d.down_RD"], weights["b.weight"], weights["c.weight"]]),
        "dt_proj.weight": weights["d.weight"],
        "dt_proj.bias": weights["d.bias_H"],
        "out_proj.weight": weights["out_DC"],
    }


def mamba_2(weights: Weights) -> dict[str, Tensor]:
    """Return the weights of Mamba-2-Published by the names of transformers."""
    return {
        "A_log": weights["a.log_rate_HK"],
        "D": weights["s.weight_HV"],
        "dt_bias": weights["d.bias_H"],
        "in_proj.weight": joined(weights, "ovbcd", "weight"),
        "conv1d.weight": latest_last(joined(weights, "vbc", "taps")),
        "conv1d.bias": joined(weights, "vbc", "taps_bias_C"),
        "out_proj.weight": weights["out_DC"],
    }


def in_pytorch(module: ModuleType, function: str) -> None:
    """Have a module of transformers take its own form in PyTorch where an installed library needs a GPU for its."""
    setattr(module, function, inspect.unwrap(getattr(module, function)))


def _mamba_of_transformers(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.mamba import modeling_mamba as mamba

    config = mamba.MambaConfig(
        hidden_size=sizes.width, num_hidden_layers=1, state_size=16, time_step_rank=sizes.width // STEPS_SHARE,
        use_mambapy=True,
    )  # fmt: skip
    module = filled(mamba.MambaMixer(config, 0), mamba_1(weights))
    return Layer(module, module)


def _mambapy(sizes: Sizes, weights: Weights) -> Layer:
    from mambapy.mamba import MambaBlock, MambaConfig

    module = filled(MambaBlock(MambaConfig(d_model=sizes.width, n_layers=1)), mamba_1(weights))
    return Layer(module, module)


def _mamba_2(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.mamba2 import modeling_mamba2 as mamba2

    config = mamba2.Mamba2Config(
        hidden_size=sizes.width, num_hidden_layers=1, num_heads=2 * sizes.heads, head_dim=sizes.head_dim,
        state_size=128, n_groups=1, layer_norm_epsilon=1e-6,
    )  # fmt: skip
    module = filled(mamba2.Mamba2Mixer(config, 0), mamba_2(weights))
    return Layer(module, module)


def _gated_deltanet(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.qwen3_next import modeling_qwen3_next as qwen

    in_pytorch(qwen, "torch_chunk_gated_delta_rule")
    size = sizes.head_dim
    config = config_of(
        qwen.Qwen3NextConfig, sizes, layer_types=["linear_attention"], linear_num_key_heads=sizes.heads,
        linear_num_value_heads=sizes.heads, linear_key_head_dim=size, linear_value_head_dim=2 * size,
        rms_norm_eps=1e-6 / size,
    )  # fmt: skip
    weights["d.bias_H"].zero_()
    by_head = [torch.unflatten(weights[f"{name}.weight"], 0, (sizes.heads, -1)) for name in "cbvoda"]
    given = {
        "dt_bias": weights["a.bias_HK"],
        "A_log": weights["a.log_rate_H1"],
        "in_proj_qkvz.weight": torch.cat(by_head[:4], dim=1),
        "in_proj_ba.weight": torch.cat(by_head[4:], dim=1),
        "conv1d.weight": latest_last(joined(weights, "cbv", "taps")),
        "out_proj.weight": weights["out_DC"],
    }
    module = filled(qwen.Qwen3NextGatedDeltaNet(config, 0), given)
    return Layer(module, module)


def _kimi(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.kimi_linear import modeling_kimi_linear as kimi

    in_pytorch(kimi, "chunk_kimi_delta_attention")
    config = kimi.KimiLinearConfig(
        hidden_size=sizes.width, num_hidden_layers=1, layer_types=["linear_attention"], linear_num_heads=sizes.heads,
        linear_head_dim=sizes.head_dim, rms_norm_eps=1e-6 / sizes.head_dim,
    )  # fmt: skip
    weights["d.bias_H"].zero_()
    given = {
        "q_proj.weight": weights["c.weight"],
        "k_proj.weight": weights["b.weight"],
        "v_proj.weight": weights["v.weight"],
        "conv1d.weight": latest_last(joined(weights, "cbv", "taps")),
        "forget_gate.f_a_proj.weight": weights["a.down_RD"],
        "forget_gate.f_b_proj.weight": weights["a.weight"],
        "forget_gate.dt_bias": weights["a.bias_HK"],
        "forget_gate.A_log": weights["a.log_rate_H1"],
        "b_proj.weight": weights["d.weight"],
        "g_a_proj.weight": weights["o.down_RD"],
        "g_b_proj.weight": weights["o.weight"],
        "o_proj.weight": weights["out_DC"],
    }
    module = filled(kimi.KimiLinearDeltaAttention(config, 0), given)
    return Layer(module, module)


def drawn(module: nn.Module) -> nn.Module:
    """Draw all parameters, where a peer has weights that ours lacks."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=max(parameter.shape) ** -0.5, generator=generator)
    return module


def _griffin(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.recurrent_gemma import modeling_recurrent_gemma as griffin

    config = config_of(griffin.RecurrentGemmaConfig, sizes, lru_width=sizes.width)
    module = drawn(griffin.RecurrentGemmaRecurrentBlock(config, 0))
    places_1L = torch.arange(sizes.length).unsqueeze(0)
    return Layer(module, lambda x_BLD: module(x_BLD, places_1L, None, use_cache=False)[0])


def _rwkv(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.rwkv import modeling_rwkv as rwkv

    config = rwkv.RwkvConfig(hidden_size=sizes.width, num_hidden_layers=1, context_length=sizes.length)
    module = drawn(rwkv.RwkvSelfAttention(config, 0))
    return Layer(module, lambda x_BLD: module(x_BLD)[0])


_layer = partial(Row, packages=("transformers",), compared="layer")

RECURRENT = (
    _layer("Mamba-1-Published", "MambaMixer by mambapy", packages=("transformers", "mambapy"),
           build=layers("Mamba-1-Published", _mamba_of_transformers)),
    _layer("Mamba-1-Published", "MambaBlock", packages=("mambapy",), build=layers("Mamba-1-Published", _mambapy)),
    _layer("Mamba-2-Published", "Mamba2Mixer", build=layers("Mamba-2-Published", _mamba_2),
           differs="the peer's norm has gains"),
    _layer("Gated DeltaNet-Published", "Qwen3NextGatedDeltaNet",
           build=layers("Gated DeltaNet-Published", _gated_deltanet),
           differs="the peer's norm has gains, its shares have no biases"),
    _layer("KDA", "KimiLinearDeltaAttention", build=layers("KDA", _kimi),
           differs="the peer's norm has gains, its shares have no biases"),
    _layer("HGRN-Published", "RecurrentGemmaRecurrentBlock", build=layers("HGRN-Published", _griffin), agrees=False,
           differs="the peer convolves its values by 4 taps and has gates of blocks, biases and no norm"),
    _layer("HGRN-Published", "RwkvSelfAttention", build=layers("HGRN-Published", _rwkv), agrees=False,
           differs="the peer mixes each token with the one before it, divides by a sum of weights and has no norm"),
)  # fmt: skip
