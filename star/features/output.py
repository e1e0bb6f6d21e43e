"""What a structure's output is multiplied by before it is projected back.

B batch, L tokens, D model width, H heads, V value channels per head.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from genome import GroupGenome, Heads
from genome.classes.alphabet import Normalisation
from star.features.projection import Projection
from star.ops.precision import at_least_float32

SMALLEST = 1e-6
"""Added to the mean square of a head that is normalised."""


class OutputGate(Projection):
    """o_BLHV; the group's normalisation is that of what it multiplies, not its own."""

    def __init__(self, name: str, width: int, extent: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, extent, replace(group, normalisation=Normalisation.NONE))


def gated(y_BLHV: Tensor, o_BLHV: Tensor, normalisation: Normalisation) -> Tensor:
    """The output, brought to unit root mean square head by head where that is asked for, times the gate."""
    if normalisation is Normalisation.NONE:
        return y_BLHV * o_BLHV
    inverse_BLH1 = (y_BLHV.to(at_least_float32(y_BLHV)).square().mean(-1, keepdim=True) + SMALLEST).rsqrt()
    return y_BLHV * inverse_BLH1.to(y_BLHV.dtype) * o_BLHV
