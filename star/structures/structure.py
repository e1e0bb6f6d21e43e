"""What a token-mixing structure is: five views of one operator y = T(x) x, which must agree.

B batch, L tokens, H heads, V value channels per head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.alphabet import Sparsity, TokenMixing
from star.cache import Store

Features = Mapping[str, Tensor]
"""Feature groups by name; groups in `per_token` are (B, L, heads, size), the others carry no batch."""


class Structure(ABC):
    """Mixes computed features over tokens. Holds no weights.

    Args:
        operator: the digits.
        featurizer: the digits of the feature groups.
        extents: heads and channels of each feature group.
        window: tokens that a banded operator reaches, its own included.
    """

    digit: ClassVar[TokenMixing]
    per_token: ClassVar[tuple[str, ...]]
    tolerance: float = 1e-5
    """Relative RMS error allowed to float32 outputs against float64."""
    gradient_tolerance: float = 1e-4
    """The same of gradients."""

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, extents: Mapping[str, Heads], window: int
    ) -> None:
        self.operator = operator
        self.featurizer = featurizer
        self.extents = extents
        self.window = window if operator.sparsity is Sparsity.BANDED else None
        self.heads = max(extents[name].heads for name in self.per_token)

    @property
    def groups(self) -> tuple[str, ...]:
        return self.operator.groups

    @property
    def channels(self) -> int:
        """Channels of y: heads times value channels."""
        return self.heads * self.extents["v"].size

    @abstractmethod
    def mix(self, features: Features) -> Tensor:
        """The meaning, one token after the other: y_BLHV."""

    @abstractmethod
    def fast(self, features: Features) -> Tensor:
        """The same for training: y_BLHV without a loop over tokens."""

    @abstractmethod
    def step(self, features: Features, store: Store) -> Tensor:
        """The same for the next tokens of a sequence, given what the store kept of the earlier ones."""

    @abstractmethod
    def matrix(self, features: Features) -> Tensor:
        """T written out, (B, H, L, L) or (B, channels, L, L): y = T v."""

    def transforms(self, length: int) -> bool:
        """Whether `fast` uses a Fourier transform over this many tokens, which leaks rounding errors."""
        return False

    def values(self, features: Features) -> Tensor:
        """The v that `matrix` acts on, one head for each of the mixing: v_BLHV."""
        return features["v"].repeat_interleave(self.heads // features["v"].shape[2], dim=2)

    @abstractmethod
    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """Shapes, batch left out, of what the store holds after so many tokens."""

    @abstractmethod
    def flops(self, context: int) -> int:
        """Multiply-adds, counted as two, to mix one token at this position while decoding."""
