"""Agreement of the forms of a structure with `mix` in float64: the output and the gradient of every feature.

B batch, L tokens, H heads, V value channels per head, D = H V channels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from star.cache import Store
from star.structures import Structure

Mix = Callable[[Mapping[str, Tensor]], Tensor]
Mixed = tuple[Tensor, dict[str, Tensor]]
"""An output, and the gradient of every feature by name."""
OUTPUT = "the output"
VANISHING = 0.05
"""A gradient smaller than this share of the largest gradient has vanished: it consists of sums that cancel."""
TINY = torch.finfo(torch.float64).tiny
EXACT = (1e-9, 1e-9)
GRADIENT_TOLERANCE = 1e-4
BFLOAT16 = (0.05, 0.1)
BFLOAT16_DECODING = (0.05, float("inf"))
"""Relative RMS errors allowed for outputs and for gradients, between float64 forms and in bfloat16 (8 bits).

Decoding in bfloat16 has no bound on gradients, because training never uses it.
"""
NARROW_RATIO = 2.0
"""In bfloat16 the error of a form may be this many times the error of `mix` in bfloat16, if that is the larger bound.

A nearly one-hot softmax, or the gradient of a filter, whose terms cancel over tokens, loses its digits in every form.
FlashAttention's tests bound outputs in the same way with this factor.
"""


def relative_rms(measured: Tensor, expected: Tensor) -> float:
    """Divide the root mean square of the difference by the root mean square of the expected values."""
    return _rms(measured - expected) / max(_rms(expected), TINY)


def disagreements(
    structure: Structure, features: Mapping[str, Tensor], forms: Collection[str] | None = None
) -> Iterator[str]:
    """Yield one sentence for each disagreement on these float64 features, for all forms unless some are named.

    A bfloat16 form is compared with `mix` on features that are already rounded to bfloat16.
    """
    fast, step = structure.fast, partial(_stepped, structure)
    float32 = (structure.tolerance, GRADIENT_TOLERANCE)
    table: dict[str, tuple[Mix, torch.dtype, tuple[float, float]]] = {
        "fast": (fast, torch.float64, EXACT),
        "fast in float32": (fast, torch.float32, float32),
        "fast in bfloat16": (fast, torch.bfloat16, BFLOAT16),
        "matrix @ v": (partial(_through_matrix, structure), torch.float64, EXACT),
        "step by step": (step, torch.float64, EXACT),
        "step by step in bfloat16": (step, torch.bfloat16, BFLOAT16_DECODING),
    }
    if not structure.linear:
        del table["matrix @ v"]
    meant: dict[bool, Mixed] = {}
    for name, (form, dtype, allowed) in table.items():
        if forms is not None and name not in forms:
            continue
        narrow = dtype is torch.bfloat16
        if narrow not in meant:
            given = {name: feature.bfloat16() for name, feature in features.items()} if narrow else features
            meant[narrow] = _with_gradients(structure.mix, given, torch.float64)
        errors = _errors(_with_gradients(form, features, dtype), meant[narrow])
        bounds = {what: allowed[what != OUTPUT] for what in errors}
        if narrow and any(not error <= bounds[what] for what, error in errors.items()):
            inherent = _errors(_with_gradients(structure.mix, features, dtype), meant[narrow])
            bounds = {what: max(bound, NARROW_RATIO * inherent[what]) for what, bound in bounds.items()}
        for what, error in errors.items():
            if not error <= bounds[what]:
                yield f"{name} differs from mix in {what} by {error:.1e} relative RMS; allowed {bounds[what]:.0e}"


def _errors(measured: Mixed, meant: Mixed) -> dict[str, float]:
    """Compute the relative RMS errors of the output and of every gradient, by name.

    A vanishing gradient, such as that of the key of a lone token under a softmax, is divided by the expected size of a
    sum of n terms: sqrt n times the largest size of one term of any gradient.
    """
    (output, grads), (expected, expected_grads) = measured, meant
    sizes = {group: _rms(grad) / _terms(grad, expected) ** 0.5 for group, grad in expected_grads.items()}
    largest = max(sizes.values())
    gradients = {}
    for group, grad in grads.items():
        size = sizes[group] if sizes[group] >= VANISHING * largest else largest
        scale = max(size * _terms(grad, expected) ** 0.5, TINY)  # zero if no token took its route
        gradients[group] = _rms(grad - expected_grads[group]) / scale
    return {OUTPUT: relative_rms(output, expected)} | {f"the gradient of {g}": error for g, error in gradients.items()}


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


def _terms(grad: Tensor, output: Tensor) -> float:
    """Count the outputs that one element of a feature contributes to, such as a filter tap to those of all tokens."""
    return max(1.0, output.numel() / grad.numel())


def _with_gradients(form: Mix, features: Mapping[str, Tensor], dtype: torch.dtype) -> Mixed:
    leaves = {name: value.to(dtype, copy=True).requires_grad_() for name, value in features.items()}
    with torch.enable_grad():
        output_BLHV = form(leaves)
        weight = torch.linspace(-1, 1, output_BLHV.numel()).cos().bfloat16().to(dtype).view_as(output_BLHV)
        grads = torch.autograd.grad((output_BLHV * weight).sum(), list(leaves.values()), allow_unused=True)
    measured = {
        name: torch.zeros_like(leaf) if grad is None else grad
        for (name, leaf), grad in zip(leaves.items(), grads, strict=True)
    }
    return output_BLHV.detach().double(), {name: grad.double() for name, grad in measured.items()}


def _through_matrix(structure: Structure, features: Mapping[str, Tensor]) -> Tensor:
    """Compute y = T v from `matrix`, which has one T for each head or, if T differs by channel, for each channel."""
    v_BLHV = structure.values(features)
    t_BHLL = structure.matrix(features)
    if t_BHLL.shape[1] == v_BLHV.shape[2]:
        return torch.einsum("bhij,bjhv->bihv", t_BHLL, v_BLHV)
    y_BLD = torch.einsum("bdij,bjd->bid", t_BHLL, v_BLHV.flatten(2))
    return y_BLD.view_as(v_BLHV)


def _stepped(structure: Structure, features: Mapping[str, Tensor]) -> Tensor:
    v_BLHV = features["v"]
    memory = structure.memory(0)
    store = Store({name: v_BLHV.new_zeros(v_BLHV.shape[0], *sizes) for name, sizes in memory.items()}, {})
    outputs = []
    for t in range(v_BLHV.shape[1]):
        token = {name: value[:, t : t + 1] if value.dim() == 4 else value for name, value in features.items()}
        outputs.append(structure.step(token, store))
        store.advance(1)
    return torch.cat(outputs, dim=1)
