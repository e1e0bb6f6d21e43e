"""State size and decoding FLOPs of a class at one reference shape, at which classes are compared."""

from __future__ import annotations

from dataclasses import dataclass

from genome import Genome, LIVClass, Shape, Space, decode
from star.build import skeleton

REFERENCE = Shape()
CONTEXT = 4096


@dataclass(frozen=True)
class Footprint:
    """The state size and decoding FLOPs of one LIV at the reference shape.

    Attributes:
        state_fixed: elements kept at any length beyond all windows and filters.
        state_per_token: elements kept for every token.
        decode_flops: FLOPs to decode one token at position `CONTEXT`; a multiply-add counts as two.
    """

    state_fixed: int
    state_per_token: int
    decode_flops: int

    @property
    def state(self) -> str:
        """The state size as text: `1,120`, `128 a token`, their sum, or `none`."""
        parts = [f"{self.state_fixed:,}"] if self.state_fixed else []
        parts += [f"{self.state_per_token:,} a token"] if self.state_per_token else []
        return " + ".join(parts) or "none"


def footprint(row: LIVClass) -> Footprint:
    """Count the footprint of a class on its skeleton; no weight is allocated."""
    space = Space.of([row.name], depth=1)
    model = skeleton(decode(Genome.of([row.id]), space), REFERENCE)
    (short,), (long,) = model.cache_elements(CONTEXT), model.cache_elements(2 * CONTEXT)
    per_token = (long - short) // CONTEXT
    (block,) = model.stack()
    return Footprint(short - per_token * CONTEXT, per_token, block.operator.flops(CONTEXT))
