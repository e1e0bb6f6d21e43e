"""One feature group: its weights and its computation from the input.

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
    """One feature group. Its parameters are uninitialised memory until `initialise` draws them.

    Args:
        name: the name of the group; tensors kept between tokens have it in their names.
        width: channels of the input.
        head_size: heads and channels per head of the result.
        group: the digits of the group.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of the groups that this feature is computed from, besides the input."""

    joinable: bool = False
    """True if every head has weights of its own, along the first axis of each parameter, and needs no other head.

    The weights of two such features, joined, then make one feature with the heads of both. Other features of a pair are
    computed one after the other.
    """

    depth: int = 0
    """The number of layers before this one; a layer of a transformer is two LIVs of a stack."""

    decaying: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that weight decay shrinks; see `star.weight_decay`."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__()
        self.name = name
        self.width = width
        self.head_size = head_size
        self.group = group

    @classmethod
    def of(cls, name: str, width: int, head_sizes: Mapping[str, Heads], genome: FeaturizerGenome) -> Feature:
        """Make the feature of this name; `head_sizes` and `genome` describe all groups of the featurizer."""
        return cls(name, width, head_sizes[name], genome[name])

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
        """Draw the weights from this generator."""

    def place(self, share: float) -> None:
        """Note the place of the first LIV with this feature: its position as a share of the number of LIVs.

        It is called before `initialise`; few features depend on it.
        """

    def memory(self) -> dict[str, tuple[int, ...]]:
        """Return the shape, without the batch, of every tensor kept between tokens."""
        return {}

    def flops(self) -> int:
        """Count the FLOPs for one token; a multiply-add counts as two."""
        return 2 * sum(parameter.numel() for parameter in self.parameters())


class Weightless(Feature):
    """A feature without parameters."""

    def initialise(self, generator: Generator) -> None:
        """Draw nothing."""


def parameter(*sizes: int) -> nn.Parameter:
    """Make a parameter of these sizes in uninitialised memory."""
    return nn.Parameter(torch.empty(sizes))
