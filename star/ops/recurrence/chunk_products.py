"""Matrix products that both forms of a chunk make, the halves of a chunk, and the states that it passes to the next.

B batch, N chunks of C tokens, H heads in G groups of R heads that share a factor, K key channels, V value channels,
X and Y any sizes.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

LOG2_E = 1 / math.log(2)
"""exp(x) is computed as 2^(x / log 2), as torch's exp2 is faster than its exp on a CPU."""


def fill(places: tuple[Tensor, ...], values: tuple[Tensor, ...]) -> None:
    """Copy each value into its place."""
    for place, value in zip(places, values, strict=True):
        place.copy_(value)


def by_group(left_NBGXY: Tensor, right_NBHYV: Tensor) -> Tensor:
    """Compute left @ right with one left factor for all the heads of a group."""
    groups, heads = left_NBGXY.shape[2], right_NBHYV.shape[2]
    if groups == heads:
        return left_NBGXY @ right_NBHYV
    product = left_NBGXY @ side_by_side(right_NBHYV, groups)
    return torch.unflatten(product, -1, (heads // groups, -1)).transpose(3, 4).flatten(2, 3)


def side_by_side(x_NBHYV: Tensor, groups: int) -> Tensor:
    """Put the channels of a group's heads beside each other: (N, B, G, Y, R V)."""
    return torch.unflatten(x_NBHYV, 2, (groups, -1)).transpose(3, 4).flatten(4)


def summed_to_group(left_NBHXV: Tensor, right_NBHYV: Tensor, groups: int) -> Tensor:
    """Compute left @ right^T, summed over the heads of a group: (N, B, G, X, Y)."""
    if groups == left_NBHXV.shape[2]:
        return left_NBHXV @ right_NBHYV.transpose(-1, -2)
    return side_by_side(left_NBHXV, groups) @ side_by_side(right_NBHYV, groups).transpose(-1, -2)


def summed_to(x_NBHXY: Tensor, groups: int) -> Tensor:
    """Sum over the heads of each group."""
    return x_NBHXY if groups == x_NBHXY.shape[2] else torch.unflatten(x_NBHXY, 2, (groups, -1)).sum(3)


def times_shared(x_NBHXY: Tensor, shared_NBGXY: Tensor) -> Tensor:
    """Multiply x by a factor that the heads of a group share."""
    return (torch.unflatten(x_NBHXY, 2, (shared_NBGXY.shape[2], -1)) * shared_NBGXY.unsqueeze(3)).flatten(2, 3)


def halves(x_XCK: Tensor, half: int) -> tuple[Tensor, Tensor]:
    """Return the earlier and the later halves of spans of 2 * half tokens, as views (X, spans, half, K)."""
    spans = torch.unflatten(x_XCK, -2, (-1, 2, half))
    return spans.select(-3, 0), spans.select(-3, 1)


def crossings(x_XCC: Tensor, half: int) -> Tensor:
    """Return the scores of later halves with earlier halves of their spans, as a view (X, spans, half, half)."""
    blocks = torch.unflatten(torch.unflatten(x_XCC, -1, (-1, 2, half)), -4, (-1, 2, half))
    return blocks.select(-5, 1).select(-2, 0).diagonal(dim1=-4, dim2=-2).movedim(-1, -3)


def propagate_states(added_NBHKV: Tensor, whole_NBHK1: Tensor, start_BHKV: Tensor) -> Tensor:
    """Compute the N + 1 states between chunks from the state that each chunk adds and the decay over the chunk."""
    states = added_NBHKV.new_empty(len(added_NBHKV) + 1, *start_BHKV.shape)
    states[0] = start_BHKV
    state = states.unbind()
    for before, after, added, whole in zip(state[:-1], state[1:], added_NBHKV, whole_NBHK1, strict=True):
        torch.addcmul(added, whole, before, out=after)
    return states


def propagate_gradients(local_NBHKV: Tensor, whole_NBHK1: Tensor, last_BHKV: Tensor) -> Tensor:
    """Compute the gradients of the N + 1 states between chunks, from the last chunk to the first."""
    adjoints = local_NBHKV.new_empty(len(local_NBHKV) + 1, *last_BHKV.shape)
    adjoints[-1] = last_BHKV
    adjoint, local, whole = adjoints.unbind(), local_NBHKV.unbind(), whole_NBHK1.unbind()
    for n in range(len(local) - 1, -1, -1):
        torch.addcmul(local[n], whole[n], adjoint[n + 1], out=adjoint[n])
    return adjoints


@lru_cache(maxsize=16)
def spans(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Make ones for tokens t with j < t <= i, for all i and j, (C, C C), and with t <= i, (C, C); others are 0."""
    t = torch.arange(size, device=device)
    upto_CC = (t.unsqueeze(1) <= t).to(dtype)
    after_CC = (t.unsqueeze(1) > t).to(dtype)
    return (upto_CC.unsqueeze(2) * after_CC.unsqueeze(1)).flatten(1), upto_CC
