"""A loop over tokens that a graph can hold, for any number of tokens.

B batch, L tokens; a small x stands for any further axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._higher_order_ops.scan import scan  # has no public name yet

States = tuple[Tensor, ...]

Step = Callable[[States, States], tuple[Tensor, States]]
"""From the states and the inputs of a token, each (B, ...), to its output and the next states, shaped as before."""


def over_tokens(step: Step, states: Sequence[Tensor], xs_BLx: Sequence[Tensor]) -> tuple[Tensor, States]:
    """Apply `step` to one token after the other: the outputs of all tokens, (B, L, ...), and the last states.

    A graph holds `step` once. It takes O(L) time and as much memory as the outputs.

    Args:
        step: the loop's body. It may read other tensors, which are the same for all tokens.
        states: before the first token.
        xs_BLx: inputs of all tokens; a batch of 1 is shared.
    """

    def one(before: Any, token: Any) -> tuple[list[Tensor], Tensor]:
        y_B, after = step(tuple(before), tuple(token))
        return [state.clone(memory_format=torch.contiguous_format) for state in after], y_B.clone()

    last, y_LBx = scan(one, [state.contiguous() for state in states], [x.transpose(0, 1) for x in xs_BLx])
    return y_LBx.transpose(0, 1), tuple(last)
