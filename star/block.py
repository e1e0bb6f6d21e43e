"""One residual block: pre-normalisation, an operator, and the features that it takes from an earlier block.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from torch import Tensor, nn

from star.cache import Store
from star.liv import LIV, Features, Operator
from star.norm import RMSNorm


class Block(nn.Module):
    """One residual block, x + operator(norm(x)), which may take features from an earlier block.

    Attributes:
        source: the position of the block whose features it takes, its own if it takes none.
        taken: names of the feature groups that it takes.
    """

    def __init__(self, position: int, operator: Operator, width: int, features_from: int, taken: Sequence[str]) -> None:
        super().__init__()
        self.norm = RMSNorm(width)
        self.operator = operator
        self.source = features_from
        self.taken = () if features_from == position else tuple(taken)

    def forward(self, x_BLD: Tensor, borrowed: Features = (), seen: bool = True) -> tuple[Features, Tensor]:
        """Return the features of whole sequences and the residual stream behind the block.

        Args:
            x_BLD: the residual stream before the block.
            borrowed: the groups that the block takes, as its operator's parts list them; empty if it takes none.
            seen: whether anybody reads the features; if not, they may be others than those of the parts.
        """
        parts = self.operator.parts if seen or borrowed else self.operator.unshared
        normed_BLD = self.norm(x_BLD)
        given = borrowed or ({},) * len(parts)
        features = tuple(part.features(normed_BLD, groups) for part, groups in zip(parts, given, strict=True))
        return features, x_BLD + self.operator.mix_parts(features, parts)

    def features(
        self,
        x_BLD: Tensor,
        shared: Sequence[Mapping[str, Tensor]] | None = None,
        stores: Sequence[Store] | None = None,
    ) -> Features:
        """Compute the features of every LIV from x_BLD; groups in `shared`, listed by LIV, stay unchanged."""
        given, kept = shared or self._each(), stores or self._each()
        livs = zip(self.operator.livs, given, kept, strict=True)
        return tuple(liv.features(x_BLD, groups, store) for liv, groups, store in livs)

    def mix(self, features: Sequence[Mapping[str, Tensor]], stores: Sequence[Store] | None = None) -> Tensor:
        """Return y_BLD: without stores by the training form, with one store for each LIV by the decoding form."""
        livs = zip(self.operator.livs, features, stores or self._each(), strict=True)
        return self.operator.combined([liv.mix(groups, store) for liv, groups, store in livs])

    def borrowed(self, published: Mapping[int, Features]) -> Features:
        """Select from the features of earlier blocks the groups that this block takes, listed alike; () if none."""
        if not self.taken:
            return ()
        return tuple({name: groups[name] for name in self.taken} for groups in published[self.source])

    def parts(self, features: Features) -> Iterator[tuple[LIV, dict[str, Tensor]]]:
        """Pair each LIV with the features that its structure mixes."""
        for liv, groups in zip(self.operator.livs, features, strict=True):
            yield liv, liv.mixed_groups(groups)

    def cache_elements(self, tokens: int) -> int:
        """Count the elements that this block keeps itself after this many tokens, for a batch of one."""
        kept = (memory for liv in self.operator.livs for memory in liv.memory(tokens).items())
        return sum(prod(sizes) for name, sizes in kept if name not in self.taken)

    def _each(self) -> tuple[None, ...]:
        return (None,) * len(self.operator.livs)
