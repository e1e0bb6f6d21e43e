"""How one feature group is computed.

B batch, L tokens, D model width, H heads, K channels per head.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from genome import FeaturizerGenome, GroupGenome, Heads
from star.cache import Store


class Feature(nn.Module):
    """One feature group. Parameters hold nothing until `initialise` has drawn them.

    Args:
        name: the group's name, under which it keeps what it needs between tokens.
        width: channels of the input.
        extent: heads and channels per head of the result.
        group: the digits.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of the groups that this feature is computed from, besides the input."""

    decaying: ClassVar[tuple[str, ...]] = ()
    """Names of its parameters that weight decay may shrink; see `star.weight_decay`."""

    def __init__(self, name: str, width: int, extent: Heads, group: GroupGenome) -> None:
        super().__init__()
        self.name = name
        self.width = width
        self.extent = extent
        self.group = group

    @classmethod
    def of(cls, name: str, width: int, extents: Mapping[str, Heads], genome: FeaturizerGenome) -> Feature:
        """The feature of this name of a featurizer; what it needs to know of the other groups it finds here."""
        return cls(name, width, extents[name], genome[name])

    @abstractmethod
    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        """Compute the feature of the tokens x_BLD.

        Args:
            x_BLD: the input; with a store, the next tokens of a sequence.
            length: tokens so far, x_BLD included.
            store: tensors kept between tokens, such as the last inputs of a convolution; None in training.
            needed: the features of the groups in `needs`, in that order.
        """

    @abstractmethod
    def initialise(self, generator: Generator) -> None:
        """Draw the weights from this generator alone."""

    def memory(self) -> dict[str, tuple[int, ...]]:
        """Shapes, batch left out, of what is kept between tokens."""
        return {}

    def flops(self) -> int:
        """Multiply-adds, counted as two, for one token."""
        return 2 * sum(parameter.numel() for parameter in self.parameters())


def parameter(*sizes: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(sizes))
