"""Accuracy of each LIV in float32 and bfloat16 against float64, a check of the contract.

B batch, L tokens, H heads, V value channels per head, M routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor

from genome.classes.alphabet import Normalisation
from genome.classes.feature_groups import OUTPUT, ROUTES
from star.block import Block
from star.contract.case import LENGTH, Case
from star.contract.forms import relative_rms
from star.liv import Features

FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 0.1
"""Relative RMS errors allowed for a LIV's output.

bfloat16 keeps 8 bits of features, filters and states, 0.4 % each. The difference of a pair, or the product of a nearly
orthogonal query and key, is smaller than its terms, so its relative error is larger.
"""

SAME_ROUTES, FEWEST_TOKENS = 0.9, 10
"""The share of tokens that must choose the same routes as in float64; it is not measured on fewer than ten tokens."""


@torch.no_grad()
def precise(case: Case) -> Iterator[str]:
    """Check that each LIV in float32 and bfloat16 agrees with float64 on the same weights, also for one token.

    LIVs are compared one by one, because a stack of quadratic units (c times v) multiplies the roundings of its layers.
    Rounding may change a choice of routes, so float64 is computed on the chosen routes, and the routes are compared
    separately. A normalised output is multiplied by its size before normalisation, because the sign of a nearly zero
    head may be rounding.
    """
    for dtype, allowed in ((torch.float32, FLOAT32_TOLERANCE), (torch.bfloat16, BFLOAT16_TOLERANCE)):
        model = case.build().to(dtype).eval()
        reference = deepcopy(model).double()
        for length in (1, LENGTH):
            if not model(case.tokens(2, length)).isfinite().all():
                yield f"{dtype} at {length} tokens gives logits that are not finite"
            noise = case.noise(length).to(dtype)
            rounded = list(model.features_of(noise.unbind(0)))
            routes = [_routes(features) for _, features in rounded]
            exact = reference.features_of(noise.double().unbind(0), routes)
            pairs = enumerate(zip(rounded, exact, strict=True))
            for position, ((block, features), (exact_block, exact_features)) in pairs:
                sizes = _sizes(exact_block, exact_features)
                expected = _outputs(exact_block, exact_features, sizes)
                measured = _outputs(block, features, sizes)
                error = relative_rms(measured.double(), expected)
                if not error <= allowed:
                    yield f"LIV {position}, {dtype}, {length} tokens: off by {error:.1e} relative RMS"
            if any(map(any, routes)):
                own = reference.features_of(noise.double().unbind(0))
                for position, (ours, (_, theirs)) in enumerate(zip(routes, own, strict=True)):
                    for detail in _changed_routes(ours, theirs, allowed):
                        yield f"LIV {position}, {dtype}, {length} tokens: {detail}"


def _sizes(block: Block, features: Features) -> list[Tensor]:
    """Compute for each LIV the size of what its output gate normalises together, one if it does not."""
    sizes = []
    for liv, groups in zip(block.operator.livs, features, strict=True):
        normalisation = Normalisation.NONE if liv.output is None else liv.output.normalisation
        y_BLHV = liv.with_values(liv.structure.fast(groups), groups)
        sizes.append(_SIZES[normalisation](y_BLHV, groups))
    return sizes


def _whole(y_BLHV: Tensor) -> Tensor:
    return y_BLHV.square().mean((-2, -1), keepdim=True).sqrt()


_SIZES: dict[Normalisation, Callable[[Tensor, dict[str, Tensor]], Tensor]] = {
    Normalisation.NONE: lambda y_BLHV, groups: y_BLHV.new_ones(()),
    Normalisation.L2: lambda y_BLHV, groups: y_BLHV.square().mean(-1, keepdim=True).sqrt(),
    Normalisation.GROUP: lambda y_BLHV, groups: y_BLHV.std(-1, correction=0, keepdim=True),
    Normalisation.WHOLE: lambda y_BLHV, groups: _whole(y_BLHV),
    Normalisation.GATED: lambda y_BLHV, groups: _whole(y_BLHV * groups[OUTPUT]),
}


def _outputs(block: Block, features: Features, sizes: list[Tensor]) -> Tensor:
    """Compute y_BLD of a block if the output of each LIV is multiplied by its size before the output projection."""
    outputs = []
    for liv, groups, size in zip(block.operator.livs, features, sizes, strict=True):
        y_BLHV = liv.finished(liv.structure.fast(groups), groups)
        outputs.append(liv.onto_width(y_BLHV * size.to(y_BLHV.dtype), groups, liv.out_DC))
    return block.operator.combined(outputs)


def _routes(features: Features) -> Features:
    return tuple({ROUTES: groups[ROUTES].double()} if ROUTES in groups else {} for groups in features)


def _changed_routes(routes: Features, exact: Features, allowed: float) -> Iterator[str]:
    """Compare the routes of every LIV with those in float64."""
    for ours, theirs in zip(routes, exact, strict=True):
        for name, r_BL1M in ours.items():
            yield from (f"{name} {detail}" for detail in _route_errors(r_BL1M, theirs[name], allowed))


def _route_errors(r_BL1M: Tensor, exact_BL1M: Tensor, allowed: float) -> Iterator[str]:
    """Yield a sentence if too many tokens choose other routes, or if equal routes have other weights."""
    same_BL = ((r_BL1M > 0) == (exact_BL1M > 0)).all(-1).squeeze(2)
    if same_BL.numel() >= FEWEST_TOKENS and not same_BL.double().mean() >= SAME_ROUTES:
        yield f"chooses other routes for {int((~same_BL).sum())} of {same_BL.numel()} tokens"
    error = relative_rms(r_BL1M[same_BL], exact_BL1M[same_BL]) if same_BL.any() else 0.0
    if not error <= allowed:
        yield f"is off by {error:.1e} relative RMS where the same routes are chosen"
