"""What float32 and bfloat16 make of a LIV, against float64: a part of the contract.

B batch, L tokens, H heads, V value channels per head, M routes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy

import torch
from torch import Tensor

from genome.classes.alphabet import OUTPUT, ROUTES, Normalisation
from star.backbone import Block
from star.contract.case import LENGTH, Subject
from star.contract.forms import relative_rms

FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 0.1
"""Relative RMS errors of a LIV's output. bfloat16 keeps 8 bits of features, filters and states, 0.4 % each, and a
difference of two copies or the product of a query and a key at nearly right angles is smaller than what it is made of.
"""

SAME_ROUTES, COUNTED = 0.9, 10
"""The share of tokens that have to choose as float64 does, where there are enough of them to speak of a share."""


@torch.no_grad()
def precise(subject: Subject) -> Iterator[str]:
    """float32 and bfloat16 give what float64 gives of the same weights, LIV by LIV; length 1 works.

    By LIV, because a stack of quadratic units (c times v) multiplies the roundings of its layers. Routes are decisions,
    which rounding may turn: what float64 gives on the routes that were chosen is what counts, and the routes apart. A
    normalised head counts by what it was before: of one that was nearly zero the sign may be rounding.
    """
    for dtype, allowed in ((torch.float32, FLOAT32_TOLERANCE), (torch.bfloat16, BFLOAT16_TOLERANCE)):
        model = subject.build().to(dtype).eval()
        reference = deepcopy(model).double()
        for length in (1, LENGTH):
            if not model(subject.tokens(2, length)).isfinite().all():
                yield f"{dtype} at {length} tokens gives logits that are not finite"
            noise = subject.noise(length).to(dtype)
            rounded = list(model.features_of(noise.unbind(0)))
            routes = [_routes(features) for _, features in rounded]
            exact = reference.features_of(noise.double().unbind(0), routes)
            pairs = enumerate(zip(rounded, exact, strict=True))
            for position, ((block, features), (exact_block, exact_features)) in pairs:
                sizes = _sizes(exact_block, exact_features)
                expected = exact_block.operator.mix(exact_features | _times(exact_features, sizes))
                measured = block.operator.mix(features | _times(features, sizes))
                error = relative_rms(measured.double(), expected)
                if not error <= allowed:
                    yield f"LIV {position}, {dtype}, {length} tokens: off by {error:.1e} relative RMS"
            if any(routes):
                exact = reference.features_of(noise.double().unbind(0))
                for position, (ours, (_, theirs)) in enumerate(zip(routes, exact, strict=True)):
                    for name, r_BL1M in ours.items():
                        for breach in _strayed(r_BL1M, theirs[name], allowed):
                            yield f"LIV {position}, {dtype}, {length} tokens: {name} {breach}"


def _sizes(block: Block, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The root mean square of every head that an output gate normalises, under the gate's name."""
    sizes = {}
    for start, liv, own in block.operator.parts(features):
        if liv.output is not None and liv.output.normalisation is not Normalisation.NONE:
            y_BLHV = liv.structure.fast(own)
            sizes[start + OUTPUT] = y_BLHV.square().mean(-1, keepdim=True).sqrt()
    return sizes


def _times(features: Mapping[str, Tensor], sizes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: features[name] * size.to(features[name].dtype) for name, size in sizes.items()}


def _routes(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.double() for name, value in features.items() if name.rpartition(".")[2] == ROUTES}


def _strayed(r_BL1M: Tensor, exact_BL1M: Tensor, allowed: float) -> Iterator[str]:
    """Nearly all tokens choose the same routes; those that do weigh them the same."""
    same_BL = ((r_BL1M > 0) == (exact_BL1M > 0)).all(-1).squeeze(2)
    if same_BL.numel() >= COUNTED and not same_BL.double().mean() >= SAME_ROUTES:
        yield f"chooses other routes for {int((~same_BL).sum())} of {same_BL.numel()} tokens"
    error = relative_rms(r_BL1M[same_BL], exact_BL1M[same_BL]) if same_BL.any() else 0.0
    if not error <= allowed:
        yield f"is off by {error:.1e} relative RMS where the same routes are chosen"
