"""What a token-mixing structure is: five views of one operator y = T(x) x, which must agree.

B batch, L tokens, D model width, H heads, V value channels per head, C = H V.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import Sparsity
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

    per_token: ClassVar[tuple[str, ...]]
    linear: ClassVar[bool] = True
    """Whether there is a T at all; without one `matrix` raises TypeError."""
    tolerance: float = 1e-5
    """Relative RMS error allowed to float32 outputs against float64."""

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

    def exactly_causal(self, length: int) -> bool:
        """Whether, among so many tokens, a later one changes no bit of an earlier output of `fast`.

        It may by rounding alone where a Fourier transform is used, or where tokens are packed together whose number
        depends on them.
        """
        return True

    def values(self, features: Features) -> Tensor:
        """The v that `matrix` acts on, one head for each of the mixing: v_BLHV."""
        return features["v"].repeat_interleave(self.heads // features["v"].shape[2], dim=2)

    def out_sizes(self, width: int) -> tuple[int, ...]:
        """Of the weight that projects back to the model width: (D, C), or one such matrix for every expert."""
        return width, self.channels

    def project(self, y_BLHV: Tensor, features: Features, out: Tensor) -> Tensor:
        """y_BLD, through a weight of these sizes."""
        return F.linear(y_BLHV.flatten(2), out)

    @abstractmethod
    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """Shapes, batch left out, of what the store holds after so many tokens."""

    @abstractmethod
    def flops(self, context: int) -> int:
        """Multiply-adds, counted as two, to mix one token at this position while decoding."""
