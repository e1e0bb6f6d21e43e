"""The features of two featurizers of the same digits at once: the heads of the first, then those of the second.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor
from torch.func import functional_call

from star.features.featurizer import Featurizer


def halved(groups: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], ...]:
    """Return the groups of the first and of the second featurizer of a pair, from groups with the heads of both."""
    halves = {name: torch.chunk(x, 2, dim=_heads(x)) for name, x in groups.items()}
    return tuple({name: half[n] for name, half in halves.items()} for n in range(2))


def _heads(x: Tensor) -> int:
    """Return the dimension of the heads: (B, L, H, K), or without batch and tokens."""
    return 2 if x.dim() == 4 else 0


class FeaturePair:
    """The feature groups of a pair, each with twice the heads, computed in the calls that one featurizer makes.

    The weights of both featurizers are joined along their heads, which costs little beside products with all tokens.
    A feature whose heads are not computed apart is computed twice and its results are joined.
    """

    def __init__(self, first: Featurizer, second: Featurizer) -> None:
        self.featurizers = first, second
        doubled = {name: size._replace(heads=2 * size.heads) for name, size in first.head_sizes.items()}
        with torch.device("meta"):
            self.form = Featurizer(first.genome, doubled, first.width, tuple(first.groups), first.depth)

    def __call__(self, x_BLD: Tensor, names: Collection[str], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute the named groups of whole sequences x_BLD, each after the groups that it needs."""
        known = dict(given)
        for name in self.form.order:
            if name in names:
                known[name] = self._group(name, x_BLD, known)
        return {name: known[name] for name in names}

    def _group(self, name: str, x_BLD: Tensor, known: Mapping[str, Tensor]) -> Tensor:
        length, form = x_BLD.shape[1], self.form[name]
        features = [featurizer[name] for featurizer in self.featurizers]
        if not form.joinable:
            halves = [
                featurizer[name](*featurizer.arguments(name, x_BLD, length, None, own))
                for featurizer, own in zip(self.featurizers, halved(known), strict=True)
            ]
            return torch.cat(halves, dim=_heads(halves[0]))
        pairs = zip(*(feature.named_parameters() for feature in features), strict=True)
        weights = {key: torch.cat([weight, second]) for (key, weight), (_, second) in pairs}
        group: Tensor = functional_call(form, weights, self.form.arguments(name, x_BLD, length, None, known))
        return group
