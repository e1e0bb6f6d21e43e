"""Effective state size (ESS): the part of its state that an operator uses (Parnichkun et al. 2025, arXiv 2504.19561).

Outputs from token i on depend on the tokens before i only through the block T[i:, :i], so the rank of this block is
the state size that T needs at i. The numerical rank is measured in two ways: the number of singular values above a
tolerance (tolerance-ESS), and the exponential of the entropy of the normalised singular values (entropy-ESS).

The available state size is counted in the same unit, for one matrix of T (a head or a channel): the elements of
`Structure.memory` divided by the value channels that they serve. A (H, K, V) state provides K (the row sums of a
normalised recurrence are state and count too), and a convolution of W taps provides W - 1. A list of past tokens (keys
and values of attention, the history of an implicit filter) provides one for each token it keeps, for any number of
heads that read it. The rank of a block is at most min(i, L - i), and this bounds the available state size at i. The
tail of a short convolution inside a featurizer is not part of T and does not count.

B batch, L tokens, J values of all tokens (usually L), N matrices of T (heads or channels), P positions, S singular
values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from star.backbone import Backbone
from star.block import Block
from star.liv import Features
from star.structures import Structure

TOLERANCE = 1e-4
"""The absolute bound above which tolerance-ESS counts singular values; the paper's bound is absolute, too."""

POSITIONS = 8


@dataclass(frozen=True)
class StateSize:
    """The state sizes of one LIV, or of one branch of a differential LIV.

    Curves have one value for each of `positions`, the mean over batch and matrices.

    Attributes:
        liv: position of the LIV in the model, from 0.
        name: name of its class.
        branch: "1" or "2" in a differential LIV, otherwise empty.
        matrices: number of heads or channels that have a matrix T.
        elements: all elements that the structure keeps after the whole sequence, for a batch of one.
        state: available state size for one matrix of T; None where it grows with the tokens.
        has: available state size at each position, at most min(i, L - i).
        tolerance_ess: number of singular values above the tolerance.
        entropy_ess: exponential of the spectral entropy; 0 where the block is 0.
    """

    liv: int
    name: str
    branch: str
    matrices: int
    elements: int
    state: float | None
    positions: tuple[int, ...]
    has: tuple[float, ...]
    tolerance_ess: tuple[float, ...]
    entropy_ess: tuple[float, ...]

    @property
    def used(self) -> float:
        """Mean tolerance-ESS over positions."""
        return _mean(self.tolerance_ess)

    @property
    def effective(self) -> float:
        """Mean entropy-ESS over positions."""
        return _mean(self.entropy_ess)

    @property
    def used_share(self) -> float | None:
        """Mean tolerance-ESS divided by the mean available state size; None for an operator without memory."""
        return self.used / _mean(self.has) if any(self.has) else None

    @property
    def effective_share(self) -> float | None:
        """Mean entropy-ESS divided by the mean available state size; None for an operator without memory."""
        return self.effective / _mean(self.has) if any(self.has) else None

    def to_json(self) -> dict[str, Any]:
        names = ("used", "effective", "used_share", "effective_share")
        return {**asdict(self), "mean_has": _mean(self.has), **{name: getattr(self, name) for name in names}}


@torch.no_grad()
def state_sizes(
    model: Backbone, tokens_BL: Tensor, positions: Sequence[int] | None = None, tolerance: float = TOLERANCE
) -> tuple[StateSize, ...]:
    """Measure every LIV on the features that it computes from these tokens; LIVs without a matrix T are left out.

    T is computed in float64, one sequence after the other, in O(N L^2) memory (times K for a recurrence) and O(N L^3)
    operations for each position. The method is meant for one or two hundred tokens.

    Args:
        positions: tokens i at which the sequence is cut, 1 to L - 1; None spreads `POSITIONS` of them evenly.
        tolerance: bound that a singular value must exceed to count in tolerance-ESS.

    Raises:
        ValueError: fewer than 2 tokens, an empty batch, a position or tolerance out of range, or a T that is not
            finite.
    """
    if tokens_BL.dim() != 2 or tokens_BL.shape[0] < 1 or tokens_BL.shape[1] < 2:
        raise ValueError(f"tokens must be (batch, 2 or more), not {tuple(tokens_BL.shape)}: one token has no past")
    length = tokens_BL.shape[1]
    cuts = tuple(positions) if positions is not None else spread(length)
    if not cuts or not all(1 <= i < length for i in cuts):
        raise ValueError(f"positions must be 1 to {length - 1} for {length} tokens, not {list(cuts)}")
    if not 0 <= tolerance < float("inf"):
        raise ValueError(f"tolerance must be 0 or more and finite, not {tolerance}")
    return tuple(
        _measured(position, name, branch, structure, own, cuts, tolerance)
        for position, (block, features) in enumerate(model.trace(tokens_BL))
        for branch, name, structure, own in _parts(block, features)
    )


def spread(length: int, count: int = POSITIONS) -> tuple[int, ...]:
    """Spread up to `count` positions evenly over 1 to L - 1, as far from the ends as from each other."""
    return tuple(sorted({min(max(1, round(length * n / (count + 1))), length - 1) for n in range(1, count + 1)}))


def spectral_sizes(t_NLJ: Tensor, positions: Sequence[int], tolerance: float) -> tuple[Tensor, Tensor]:
    """Compute tolerance-ESS_NP and entropy-ESS_NP of causal matrices, of which J / L columns belong to a token."""
    counted, effective = [], []
    for i in positions:
        values_NS = torch.linalg.svdvals(t_NLJ[:, i:, : i * (t_NLJ.shape[2] // t_NLJ.shape[1])])
        shares_NS = values_NS / values_NS.sum(-1, keepdim=True).clamp_min(torch.finfo(values_NS.dtype).tiny)
        entropy_N = torch.special.entr(shares_NS).sum(-1)
        counted.append((values_NS > tolerance).sum(-1).to(values_NS.dtype))
        effective.append(torch.where(values_NS[:, 0] > 0, entropy_N.exp(), 0.0))
    return torch.stack(counted, dim=1), torch.stack(effective, dim=1)


def state_of(structure: Structure, tokens: int) -> tuple[float, bool]:
    """Return the available state size for one matrix of T after this many tokens, and whether it still grows.

    A memory whose size before the first token is different from its size now is a list of tokens. Several lists (keys
    and values) hold the same tokens and count once. Every other memory is a fixed state.
    """
    empty, now, later = (structure.memory(count) for count in (0, tokens, tokens + 1))
    lists = {name for name in now if empty.get(name) != now[name]}
    fixed = sum(prod(sizes) for name, sizes in now.items() if name not in lists) / structure.channels
    listed = max((now[name][0] for name in lists), default=0)
    return fixed + listed, now != later


def _parts(block: Block, features: Features) -> Iterator[tuple[str, str, Structure, dict[str, Tensor]]]:
    """Yield branch, class name, structure and float64 features of every LIV that has a T."""
    paired = len(block.operator.livs) > 1
    for number, (liv, own) in enumerate(block.parts(features), start=1):
        if liv.structure.linear:
            branch = str(number) if paired else ""
            yield branch, liv.class_name, liv.structure, {name: x.double() for name, x in own.items()}


def _measured(
    position: int,
    name: str,
    branch: str,
    structure: Structure,
    features: Mapping[str, Tensor],
    cuts: tuple[int, ...],
    tolerance: float,
) -> StateSize:
    batch, length = features["v"].shape[:2]
    sizes = []
    for element in range(batch):
        t_BNLJ = structure.matrix({group: _one(value, element) for group, value in features.items()})
        if not t_BNLJ.isfinite().all():
            raise ValueError(f"LIV {position + 1}, {name}: T is not finite, so it has no singular values")
        sizes.append(spectral_sizes(t_BNLJ.flatten(0, 1), cuts, tolerance))
    counted_P, effective_P = (torch.cat(parts).mean(0) for parts in zip(*sizes, strict=True))
    state, grows = state_of(structure, length)
    return StateSize(
        position,
        name,
        branch,
        len(sizes[0][0]),
        sum(prod(shape) for shape in structure.memory(length).values()),
        None if grows else state,
        cuts,
        tuple(float(min(state_of(structure, i)[0], i * structure.sources, length - i)) for i in cuts),
        tuple(counted_P.tolist()),
        tuple(effective_P.tolist()),
    )


def _one(value: Tensor, element: int) -> Tensor:
    """Select one sequence of a per-token feature; other features have no batch dimension."""
    return value[element : element + 1] if value.dim() == 4 else value


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
