"""How much of its state an operator uses: effective state size (Parnichkun et al. 2025, arXiv 2504.19561).

Everything the outputs from token i on know of the tokens before i has passed through the block T[i:, :i], so its rank
is the state that T needs at i. The rank of measured numbers is counted in two ways: singular values above a tolerance
(tolerance-ESS), and the exponential of the entropy of the normalised singular values (entropy-ESS).

What an operator *has* is counted in the same unit, that of one matrix of T (a head or a channel): what
`Structure.memory` keeps, divided by the value channels it serves. A (H, K, V) state has K (where rows are normalised
their sums are kept and counted, too), a convolution of W taps W - 1. A list of past tokens (keys and values of
attention, the history of an implicit filter) has one for each token it keeps, however many heads read it. No block has
a rank above min(i, L - i), so no operator has more than that at i. The tail of a short convolution *inside* a
featurizer is not part of T and not counted.

B batch, L tokens, N matrices of T (heads or channels), P positions, S singular values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from star.backbone import Backbone, Block, Features
from star.structures import Structure

TOLERANCE = 1e-4
"""Absolute, as in the definition: T maps values to outputs, and what it scales below this does not count."""

POSITIONS = 8


@dataclass(frozen=True)
class StateSize:
    """One LIV, or one branch of a differential LIV. Curves are over `positions`, means over batch and matrices.

    Attributes:
        liv: its position in the model, from 0.
        name: its class.
        branch: "1" or "2" in a differential LIV, otherwise empty.
        matrices: heads or channels T has a matrix for.
        elements: what the structure keeps in all after the whole sequence, batch left out.
        state: what it has for one matrix of T; None where it grows with the tokens.
        has: the same at each position, never above min(i, L - i).
        tolerance_ess: singular values above the tolerance.
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
        """Used over had, both meant over positions; None for an operator without memory."""
        return self.used / _mean(self.has) if any(self.has) else None

    @property
    def effective_share(self) -> float | None:
        """The same of the entropy-ESS."""
        return self.effective / _mean(self.has) if any(self.has) else None

    def to_json(self) -> dict[str, Any]:
        names = ("used", "effective", "used_share", "effective_share")
        return {**asdict(self), "mean_has": _mean(self.has), **{name: getattr(self, name) for name in names}}


@torch.no_grad()
def state_sizes(
    model: Backbone, tokens_BL: Tensor, positions: Sequence[int] | None = None, tolerance: float = TOLERANCE
) -> tuple[StateSize, ...]:
    """The effective state size of every LIV on the features it computes from these tokens; what has no T is left out.

    T is written out in float64, one sequence after the other: O(N L^2) memory (times K for a recurrence) and
    O(N L^3) work a position, so a hundred or two tokens are what this is for.

    Args:
        positions: where the sequence is cut, 1 to L - 1; None spreads `POSITIONS` of them evenly.

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
    """Up to `count` positions, evenly over 1 to L - 1 and as far from its ends as from each other."""
    return tuple(sorted({min(max(1, round(length * n / (count + 1))), length - 1) for n in range(1, count + 1)}))


def spectral_sizes(t_NLL: Tensor, positions: Sequence[int], tolerance: float) -> tuple[Tensor, Tensor]:
    """tolerance-ESS_NP and entropy-ESS_NP of causal matrices."""
    counted, effective = [], []
    for i in positions:
        values_NS = torch.linalg.svdvals(t_NLL[:, i:, :i])
        shares_NS = values_NS / values_NS.sum(-1, keepdim=True).clamp_min(torch.finfo(values_NS.dtype).tiny)
        entropy_N = torch.special.entr(shares_NS).sum(-1)
        counted.append((values_NS > tolerance).sum(-1).to(values_NS.dtype))
        effective.append(torch.where(values_NS[:, 0] > 0, entropy_N.exp(), 0.0))
    return torch.stack(counted, dim=1), torch.stack(effective, dim=1)


def state_of(structure: Structure, tokens: int) -> tuple[float, bool]:
    """What a structure has for one matrix of T after so many tokens, and whether that still grows.

    A memory that has no room before the first token is a list of tokens; lists side by side (keys and values) are of
    the same tokens and count once. All others are fixed states.
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
        t_BNLL = structure.matrix({group: _one(value, element) for group, value in features.items()})
        if not t_BNLL.isfinite().all():
            raise ValueError(f"LIV {position + 1}, {name}: T is not finite, so it has no singular values")
        sizes.append(spectral_sizes(t_BNLL.flatten(0, 1), cuts, tolerance))
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
        tuple(float(min(state_of(structure, i)[0], i, length - i)) for i in cuts),
        tuple(counted_P.tolist()),
        tuple(effective_P.tolist()),
    )


def _one(value: Tensor, element: int) -> Tensor:
    """One sequence of a per-token feature; the others carry no batch."""
    return value[element : element + 1] if value.dim() == 4 else value


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
