"""The interface of a token-mixing structure: the forms of one operator y = T(x) x, which must agree.

B batch, L tokens, D model width, H heads, G heads of a group (a divisor of H), K and V channels per head, C = H V,
M experts, I channels of an expert.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import Sparsity
from star.cache import Store
from star.ops.dispatch import linear

Features = Mapping[str, Tensor]
"""Feature groups by name; groups in `per_token` are (B, L, heads, size), the others have no batch dimension."""


class Structure(ABC):
    """A structure of T: it mixes feature groups over tokens and holds no weights.

    Args:
        operator: the digits of the operator.
        featurizer: the digits of its feature groups.
        head_sizes: heads and channels per head of each feature group.
        window: tokens that a banded operator reaches back, its own included.
    """

    per_token: ClassVar[tuple[str, ...]]
    """Names of the groups that have a value for each token of each sequence."""
    linear: ClassVar[bool] = True
    """False where the operator is no matrix T(x) times v; `matrix` then raises TypeError."""
    of_units: ClassVar[bool] = False
    """True where y is a mixture of units without memory, whose groups c and v experts compute."""
    sources: int = 1
    """Values v of a token that T weights; those of a token stand side by side in the columns of T."""
    tolerance: float = 1e-5
    """The relative RMS error that float32 outputs may have against float64."""

    def __init__(
        self,
        operator: OperatorGenome,
        featurizer: FeaturizerGenome,
        head_sizes: Mapping[str, Heads],
        window: int | None,
    ) -> None:
        self.operator = operator
        self.featurizer = featurizer
        self.head_sizes = head_sizes
        self.window = window if operator.sparsity is Sparsity.BANDED else None
        self.heads = max(head_sizes[name].heads for name in self.per_token)

    @property
    def groups(self) -> tuple[str, ...]:
        return self.operator.groups

    @property
    def channels(self) -> int:
        """Channels of y: heads times value channels per head."""
        return self.heads * self.head_sizes["v"].size

    def pairs_on(self, device: torch.device) -> bool:
        """Return whether two such operators are computed as one with the heads of both on this device.

        No head may depend on another.
        """
        return True

    def doubled(self) -> Structure:
        """Return the same structure with twice the heads of every group."""
        head_sizes = {name: size._replace(heads=2 * size.heads) for name, size in self.head_sizes.items()}
        return type(self)(self.operator, self.featurizer, head_sizes, self.window)

    @abstractmethod
    def mix(self, features: Features) -> Tensor:
        """Compute y_BLHV by the definition, one token after the other."""

    @abstractmethod
    def fast(self, features: Features) -> Tensor:
        """Compute y_BLHV for training, without a loop over tokens."""

    @abstractmethod
    def step(self, features: Features, store: Store) -> Tensor:
        """Compute y_BLHV of the next tokens of a sequence, and update the store that holds the earlier ones."""

    @abstractmethod
    def matrix(self, features: Features) -> Tensor:
        """Compute the dense T of y = T v, (B, H, L, L) or (B, channels, L, L); several `sources` widen its rows."""

    def exactly_causal(self, length: int) -> bool:
        """Return whether a later token changes no bit of an earlier output of `fast` in a sequence of this length.

        A Fourier transform, and packing whose padding depends on the routes of all tokens, let a later token change
        an earlier output by rounding.
        """
        return True

    def values(self, features: Features) -> Tensor:
        """Return the v_BLHV that `matrix` multiplies."""
        return self.per_head(features["v"])

    def per_head(self, x_BLGK: Tensor) -> Tensor:
        """Repeat the G heads of a group so that each of the H heads has its own, x_BLHK."""
        return x_BLGK.repeat_interleave(self.heads // x_BLGK.shape[2], dim=2)

    def out_sizes(self, width: int) -> tuple[int, ...]:
        """Return the sizes of the weight that projects to the model width: (D, C), or (M, D, I) for M experts."""
        return width, self.channels

    def project(self, y_BLHV: Tensor, features: Features, out: Tensor) -> Tensor:
        """Project to the model width with a weight of `out_sizes`: y_BLD."""
        return linear(y_BLHV.flatten(2), out)

    @abstractmethod
    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes, without the batch, of the tensors that the store holds after this many tokens."""

    @abstractmethod
    def flops(self, context: int) -> int:
        """Count the FLOPs to decode one token at this position; a multiply-add counts as two."""
