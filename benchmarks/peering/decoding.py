"""One token of a whole model after a number of tokens: models of transformers with their caches.

B batch, L tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from peering.attention import projections
from peering.ours import Weights, filled, model_of, weights_of
from peering.pair import Pair, Row, Side, Sizes
from peering.recurrent import STEPS_SHARE, mamba_1, mamba_2
from torch import Tensor, nn

from star.backbone import Backbone

VOCABULARY = 256
PART = 512
"""Tokens of a prompt that are read at once."""
EPSILON = torch.finfo(torch.float32).eps
"""What `torch.nn.RMSNorm` adds to the mean square."""
LAYERS = 2


def _prompt(sizes: Sizes) -> Tensor:
    return torch.randint(VOCABULARY, (1, sizes.length), generator=torch.Generator().manual_seed(0))


def _side(model: nn.Module, step: Callable[[Tensor, Any], Tensor], after_prompt: Any) -> Side:
    """Return the side of a model that decodes from copies of the cache after its prompt."""
    token_11, caches = torch.zeros(1, 1, dtype=torch.long), [deepcopy(after_prompt)]

    @torch.inference_mode()
    def run() -> Tensor:
        return step(token_11, caches[0])

    def before() -> None:
        caches[0] = deepcopy(after_prompt)
        run()

    return Side(run, (), sum(weight.numel() for weight in model.parameters()), before)


def _ours(model: Backbone, sizes: Sizes) -> Side:
    cache = model.new_cache()
    with torch.inference_mode():
        for part_BL in torch.split(_prompt(sizes), PART, dim=1):
            model(part_BL, cache)
    return _side(model, model, cache)


def _theirs(model: Any, sizes: Sizes, keeps_all: bool) -> Side:
    prompt_BL = _prompt(sizes)
    parts = torch.split(prompt_BL, PART, dim=1) if keeps_all else [prompt_BL[:, -PART:]]
    cache = None
    with torch.inference_mode():
        for part_BL in parts:
            cache = model(part_BL, cache=cache, use_cache=True).cache
    return _side(model, lambda token_11, cache: model(token_11, cache=cache, use_cache=True).logits, cache)


def _decoders(
    names: list[str], peer: Callable[[Sizes, Backbone], nn.Module], keeps_all: bool = False
) -> Callable[[Sizes], Pair]:
    """Return a builder of pairs of models; only a peer that keeps all tokens has to read a long prompt to its end."""

    def build(sizes: Sizes) -> Pair:
        model = model_of(names, sizes)
        return Pair(_ours(model, sizes), _theirs(peer(sizes, model).eval(), sizes, keeps_all))

    return build


def _prefixed(prefix: str, weights: Weights) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": weight for name, weight in weights.items()}


def _around(model: Backbone, embedding: str, norm: str) -> dict[str, Tensor]:
    given = {embedding: model.embedding_VD, norm: model.norm.weight, "lm_head.weight": model.head_VD}
    return {name: weight.detach() for name, weight in given.items()}


def _llama(sizes: Sizes, model: Backbone) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    given = _around(model, "model.embed_tokens.weight", "model.norm.weight")
    blocks = list(model.stack())
    for n, (mixing, units) in enumerate(zip(blocks[::2], blocks[1::2], strict=True)):
        attention, swiglu, layer = weights_of(mixing.operator), weights_of(units.operator), f"model.layers.{n}"
        given |= _prefixed(f"{layer}.self_attn", projections(attention))
        given |= {
            f"{layer}.input_layernorm.weight": mixing.norm.weight.detach(),
            f"{layer}.post_attention_layernorm.weight": units.norm.weight.detach(),
            f"{layer}.mlp.gate_proj.weight": swiglu["c.weight"],
            f"{layer}.mlp.up_proj.weight": swiglu["v.weight"],
            f"{layer}.mlp.down_proj.weight": swiglu["out_DC"],
        }
    config = LlamaConfig(
        hidden_size=sizes.width, num_attention_heads=sizes.heads, head_dim=sizes.head_dim, num_hidden_layers=LAYERS,
        num_key_value_heads=len(attention["b.weight"]) // sizes.head_dim, intermediate_size=len(swiglu["c.weight"]),
        vocab_size=VOCABULARY, max_position_embeddings=2**15, rms_norm_eps=EPSILON, attn_implementation="sdpa",
    )  # fmt: skip
    return filled(LlamaForCausalLM(config), given)


def _mamba(sizes: Sizes, model: Backbone, mixer: Callable[[Weights], dict[str, Tensor]], build: Any) -> nn.Module:
    given = _around(model, "backbone.embeddings.weight", "backbone.norm_f.weight")
    for n, block in enumerate(model.stack()):
        given |= _prefixed(f"backbone.layers.{n}.mixer", mixer(weights_of(block.operator)))
        given[f"backbone.layers.{n}.norm.weight"] = block.norm.weight.detach()
    return filled(build(sizes), given)


def _mamba_1(sizes: Sizes) -> Any:
    from transformers import MambaConfig, MambaForCausalLM

    rank = sizes.width // STEPS_SHARE
    return MambaForCausalLM(MambaConfig(
        hidden_size=sizes.width, num_hidden_layers=LAYERS, state_size=16, time_step_rank=rank, vocab_size=VOCABULARY,
        layer_norm_epsilon=EPSILON, tie_word_embeddings=False,
    ))  # fmt: skip


def _mamba_2(sizes: Sizes) -> Any:
    from transformers import Mamba2Config, Mamba2ForCausalLM

    return Mamba2ForCausalLM(Mamba2Config(
        hidden_size=sizes.width, num_hidden_layers=LAYERS, num_heads=2 * sizes.heads, head_dim=sizes.head_dim,
        state_size=128, n_groups=1, vocab_size=VOCABULARY, layer_norm_epsilon=EPSILON, tie_word_embeddings=False,
    ))  # fmt: skip


_token = partial(Row, packages=("transformers",), compared="token")

DECODING = (
    _token("SA-3-GMemless, twice", "LlamaForCausalLM", lengths=(128, 8192),
           build=_decoders(["SA-3", "GMemless"] * LAYERS, _llama, keeps_all=True)),
    _token("Mamba-1-Published, twice", "MambaForCausalLM", lengths=(128,), build=_decoders(
        ["Mamba-1-Published"] * LAYERS, partial(_mamba, mixer=mamba_1, build=_mamba_1))),
    _token("Mamba-2-Published, twice", "Mamba2ForCausalLM", lengths=(128,), differs="the peer's norms have gains",
           build=_decoders(["Mamba-2-Published"] * LAYERS, partial(_mamba, mixer=mamba_2, build=_mamba_2))),
)  # fmt: skip
