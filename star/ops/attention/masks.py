"""Boolean masks over pairs of tokens, true where the token of the row sees the token of the column.

L query tokens, which are the last of T key tokens; a small x stands for any leading axes.
"""

import torch
from torch import Tensor


def causal_mask(length: int, total: int, window: int | None, device: torch.device) -> Tensor:
    """Make the mask (L, T) in which a token sees itself and earlier tokens, at most `window` tokens if it is given."""
    seen_LT = torch.ones(length, total, dtype=torch.bool, device=device).tril(total - length)
    return seen_LT if window is None else seen_LT.triu(total - length + 1 - window)


def with_diagonal(seen_xLT: Tensor) -> Tensor:
    """Let every token see itself as well, because the softmax over an empty set is not a number."""
    length, total = seen_xLT.shape[-2:]
    return seen_xLT | causal_mask(length, total, 1, seen_xLT.device)
