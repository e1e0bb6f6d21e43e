"""The gate and the normalisation of the output of a structure.

B batch, L tokens, H heads, V value channels per head.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from genome import GroupGenome, Heads
from genome.classes.alphabet import Normalisation
from star.features.projection import Projection
from star.ops.precision import at_least_float32

SMALLEST = 1e-6
"""Constant added to the mean square of a head before normalisation."""


class OutputGate(Projection):
    """o_BLHV without normalisation: the normalisation of the group applies to the output that the gate multiplies."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, replace(group, normalisation=Normalisation.NONE))


def gated(y_BLHV: Tensor, o_BLHV: Tensor, normalisation: Normalisation) -> Tensor:
    """Multiply the output by the gate; with normalisation 2, RMS-normalise each head of the output first."""
    if normalisation is Normalisation.NONE:
        return y_BLHV * o_BLHV
    inverse_BLH1 = (y_BLHV.to(at_least_float32(y_BLHV)).square().mean(-1, keepdim=True) + SMALLEST).rsqrt()
    return y_BLHV * inverse_BLH1.to(y_BLHV.dtype) * o_BLHV
