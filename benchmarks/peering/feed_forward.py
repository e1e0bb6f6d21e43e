"""Gated units and mixtures of them: the layers of transformers.

M experts, I channels of an expert, D model width.
"""

from __future__ import annotations

from functools import partial

import torch
from peering.attention import config_of
from peering.ours import Weights, filled, layers
from peering.pair import Layer, Row, Sizes


def _llama(sizes: Sizes, weights: Weights) -> Layer:
    from transformers.models.llama import modeling_llama as llama

    config = config_of(llama.LlamaConfig, sizes, intermediate_size=len(weights["c.weight"]))
    given = {"gate_proj.weight": weights["c.weight"], "up_proj.weight": weights["v.weight"]}
    module = filled(llama.LlamaMLP(config), given | {"down_proj.weight": weights["out_DC"]})
    return Layer(module, module)


def _mixtral(sizes: Sizes, weights: Weights, experts: str) -> Layer:
    from transformers.models.mixtral import modeling_mixtral as mixtral

    gates_MID, values_MID = weights["c.weight_MID"], weights["v.weight_MID"]
    config = config_of(
        mixtral.MixtralConfig, sizes, intermediate_size=gates_MID.shape[1], num_local_experts=len(gates_MID),
        num_experts_per_tok=2, experts_implementation=experts,
    )  # fmt: skip
    given = {
        "gate.weight": weights["r.weight_MD"],
        "experts.gate_up_proj": torch.cat([gates_MID, values_MID], dim=1),
        "experts.down_proj": weights["out_DC"],
    }
    module = filled(mixtral.MixtralSparseMoeBlock(config), given)
    return Layer(module, module)


_layer = partial(Row, packages=("transformers",), compared="layer")

FEED_FORWARD = (
    _layer("GMemless", "LlamaMLP", build=layers("GMemless", _llama)),
    _layer("MoE", "MixtralSparseMoeBlock", build=layers("MoE", partial(_mixtral, experts="eager"))),
    _layer("MoE", "MixtralSparseMoeBlock by grouped_mm", build=layers("MoE", partial(_mixtral, experts="grouped_mm"))),
)
