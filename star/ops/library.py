"""The recurrence and the delta rule by the kernels of flash-linear-attention, where `fla-core` is installed.

`pip install 'star-synthesis[fla]'` installs it. It is imported when it first computes something, because that takes
seconds. Its kernels are Triton's and are tuned for the GPU at their first use, which takes minutes.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from star.ops.recurrence.inputs import Inputs

PACKAGE = "fla-core"

MOST_KEYS = 256
"""Key channels of a head that its kernels of the delta rule hold at once."""


def supports(inputs: Inputs, state_BHKV: Tensor) -> bool:
    """Return whether these tensors are what the library takes: a matrix as the state, in float32 or bfloat16."""
    keys, values = state_BHKV.shape[2:]
    return (
        {x.dtype for x in inputs} in ({torch.float32}, {torch.bfloat16})
        and state_BHKV.dtype in (torch.float32, torch.bfloat16)
        and 1 < keys <= MOST_KEYS
        and values > 1
        and inputs.v.numel() > 0
    )


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `star.ops.recurrence.naive` does; differentiable in all inputs.

    Heads of one decay are its simple gated linear attention, heads of a decay for each key its gated linear attention
    (Yang et al. 2024).

    Raises:
        ImportError: the package is not installed, or one that it needs is not.
    """
    from fla.ops.gla import chunk_gla
    from fla.ops.simple_gla import chunk_simple_gla

    c_BLHK, b_BLHK, a_BLHR, d_BLH1, v_BLHV = _every_head(inputs)
    decay_BLHR, added_BLHV = (d_BLH1 * a_BLHR).float(), d_BLH1 * v_BLHV
    if a_BLHR.shape[-1] == 1:
        return _run(chunk_simple_gla, c_BLHK, b_BLHK, added_BLHV, decay_BLHR.squeeze(-1), state=state_BHKV)
    return _run(chunk_gla, c_BLHK, b_BLHK, added_BLHV, decay_BLHR, state=state_BHKV)


def delta_rule(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `star.ops.delta_rule.naive` does; differentiable in all inputs.

    Heads have one decay: its gated delta rule (Yang et al. 2025).

    Raises:
        ImportError: the package is not installed, or one that it needs is not.
    """
    from fla.ops.gated_delta_rule import chunk_gated_delta_rule

    c_BLHK, b_BLHK, a_BLH1, d_BLH1, v_BLHV = _every_head(inputs)
    rates = a_BLH1.float().squeeze(-1), d_BLH1.squeeze(-1)
    return _run(chunk_gated_delta_rule, c_BLHK, b_BLHK, v_BLHV, *rates, state=state_BHKV)


def delta_rule_per_key(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `delta_rule` with a decay for each key: its Kimi Delta Attention (arXiv 2510.26692).

    Raises:
        ImportError: the package is not installed, or one that it needs is not.
    """
    from fla.ops.kda import chunk_kda

    c_BLHK, b_BLHK, a_BLHK, d_BLH1, v_BLHV = _every_head(inputs)
    return _run(chunk_kda, c_BLHK, b_BLHK, v_BLHV, a_BLHK.float(), d_BLH1.squeeze(-1), state=state_BHKV)


def _every_head(inputs: Inputs) -> Inputs:
    """Return the same inputs with keys and queries for every head, and log decays for every sequence and token."""
    c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = inputs
    batch, length, heads, _ = v_BLHV.shape
    shared = (-1, -1, heads, -1)
    return Inputs(c_BLGK.expand(shared), b_BLGK.expand(shared), a.expand(batch, length, -1, -1), d_BLH1, v_BLHV)


def _run(form: Callable[..., Any], *groups: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Run one of its kernels, whose states are float32: y_BLHV, and the last state_BHKV in the dtype of the first."""
    y_BLHV, last_BHKV = form(*groups, scale=1.0, initial_state=state.float(), output_final_state=True)
    return y_BLHV, last_BHKV.to(state.dtype)
