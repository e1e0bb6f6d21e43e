"""Structures: the functions in PyTorch that flash-linear-attention states as references of its kernels.

They get the features that ours gets, in the layout that they take. Those that divide queries by the root of their
channels get queries that were multiplied by it.

B batch, L tokens, H heads, K key channels, V value channels of a head, D channels.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from peering.ours import Weights, structures
from peering.pair import Row
from torch import Tensor


def _queries(features: Weights) -> Tensor:
    c_BLHK = features["c"]
    return c_BLHK * math.sqrt(c_BLHK.shape[-1])


def _keys_values(features: Weights) -> tuple[Tensor, ...]:
    return features["c"], features["b"], features["v"]


def _decays(features: Weights) -> Tensor:
    """Return the log decays of every token, a_BLHK or, with one of a head, a_BLH1; constant ones are expanded."""
    steps_BLH1, a = features["d"], features["a"]
    return a * steps_BLH1 if a.dim() == 4 else a.expand(*steps_BLH1.shape[:2], *a.shape)


def _heads_first(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(x_BLH.transpose(1, 2) for x_BLH in tensors)


def _retention(features: Weights) -> tuple[Tensor, ...]:
    return _heads_first(_queries(features), features["b"], features["v"])


def _delta(features: Weights) -> tuple[Tensor, ...]:
    return (*_retention(features), features["d"].squeeze(-1).transpose(1, 2))


def _one_decay(features: Weights) -> tuple[Tensor, ...]:
    return (*_keys_values(features), _decays(features).squeeze(-1))


def _key_decays(features: Weights) -> tuple[Tensor, ...]:
    return (_queries(features), features["b"], features["v"], _decays(features))


def _gated_delta(features: Weights) -> tuple[Tensor, ...]:
    return (*_keys_values(features), features["a"].squeeze(-1), features["d"].squeeze(-1))


def _kda(features: Weights) -> tuple[Tensor, ...]:
    return (*_keys_values(features), features["a"], features["d"].squeeze(-1))


def _channels(features: Weights) -> tuple[Tensor, ...]:
    return (features["b"] * features["v"]).flatten(2), _decays(features).flatten(2)


def _called(module: str, function: str, heads_first: bool = False, **settings: Any) -> Any:
    """Return a function of fla.ops, imported when it is first called, that returns y_BLHV alone."""

    def mix(*tensors: Tensor) -> Tensor:
        from importlib import import_module

        found = getattr(import_module(f"fla.ops.{module}.naive"), function)(*tensors, **settings)
        y: Tensor = found[0] if isinstance(found, tuple) else found
        return y.transpose(1, 2) if heads_first else y

    return mix


def _channels_apart(*tensors: Tensor) -> Tensor:
    y_BLD: Tensor = _called("hgrn", "naive_recurrent_hgrn")(*tensors)
    return y_BLD.unsqueeze(-1)


_CHUNKS = _called("simple_gla", "naive_chunk_simple_gla", scale=1.0)
_TOKENS = _called("gla", "naive_recurrent_gla")
_row = partial(Row, packages=("fla",), compared="structure")

STRUCTURES = (
    _row("LinearAttention", "naive_chunk_linear_attn", build=structures(
        "LinearAttention", _keys_values, _called("linear_attn", "naive_chunk_linear_attn", scale=1.0))),
    _row("RetNet", "naive_retention", build=structures(
        "RetNet", _retention, _called("retention", "naive_retention", heads_first=True))),
    _row("RetNet", "naive_chunk_simple_gla", build=structures("RetNet", _one_decay, _CHUNKS)),
    _row("SimpleGLA", "naive_chunk_simple_gla", build=structures("SimpleGLA", _one_decay, _CHUNKS)),
    _row("GLA", "naive_recurrent_gla", build=structures("GLA", _key_decays, _TOKENS)),
    _row("HGRN2", "naive_recurrent_gla", build=structures("HGRN2", _key_decays, _TOKENS)),
    _row("HGRN-Published", "naive_recurrent_hgrn", build=structures("HGRN-Published", _channels, _channels_apart),
         differs="the peer is given the product of input gate and values"),
    _row("DeltaNet", "delta_rule_chunkwise", build=structures(
        "DeltaNet", _delta, _called("delta_rule", "delta_rule_chunkwise", heads_first=True))),
    _row("Gated DeltaNet", "naive_chunk_gated_delta_rule", build=structures(
        "Gated DeltaNet", _gated_delta, _called("gated_delta_rule", "naive_chunk_gated_delta_rule", scale=1.0))),
    _row("KDA", "naive_chunk_kda", build=structures("KDA", _kda, _called("kda", "naive_chunk_kda", scale=1.0))),
)  # fmt: skip
