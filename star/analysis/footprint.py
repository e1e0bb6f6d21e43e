"""What a class keeps and what a token costs, at one reference shape, so that classes can be compared at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from genome import Genome, LIVClass, Shape, Space, decode
from star.build import skeleton

REFERENCE = Shape()
CONTEXT = 4096


@dataclass(frozen=True)
class Footprint:
    """Of one LIV at the reference shape.

    Attributes:
        state_fixed: elements kept whatever the length, once it exceeds windows and filters.
        state_per_token: elements kept for every token.
        decode_flops: to decode one token at position `CONTEXT`, a multiply-add counted as two.
    """

    state_fixed: int
    state_per_token: int
    decode_flops: int

    @property
    def state(self) -> str:
        """In words: `1,120`, `128 a token`, or both."""
        parts = [f"{self.state_fixed:,}"] if self.state_fixed else []
        parts += [f"{self.state_per_token:,} a token"] if self.state_per_token else []
        return " + ".join(parts) or "none"


def footprint(row: LIVClass) -> Footprint:
    """Counted on the class's skeleton; nothing is allocated."""
    space = Space.of([row.name], depth=1)
    model = skeleton(decode(Genome.of([row.id]), space), REFERENCE)
    (short,), (long,) = model.cache_elements(CONTEXT), model.cache_elements(2 * CONTEXT)
    per_token = (long - short) // CONTEXT
    (block,) = model.stack()
    return Footprint(short - per_token * CONTEXT, per_token, block.operator.flops(CONTEXT))
