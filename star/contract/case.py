"""An architecture under examination: its model and its inputs.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from genome import Blueprint, Shape
from star.backbone import Backbone
from star.build import build

LENGTH = 37
"""Tokens of a sequence: a prime number, so that no tile size divides it."""
FEWEST_TOKENS = 64
"""The smallest number of tokens of all sequences, because the output of one or two tokens may be nearly zero."""


@dataclass(frozen=True)
class Case:
    """One architecture under examination; a test that needs a faulty model replaces `construct`."""

    blueprint: Blueprint
    shape: Shape
    seed: int = 0
    construct: Callable[[Blueprint, Shape, int], Backbone] = field(default=build)

    def build(self) -> Backbone:
        """Build the model in float32."""
        return self.construct(self.blueprint, self.shape, self.seed)

    @cached_property
    def model(self) -> Backbone:
        """The model in float64, in evaluation mode."""
        return self.build().double().eval()

    def tokens(self, batch: int, length: int) -> Tensor:
        """Draw tokens_BL, the same at every call."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randint(self.shape.vocab, (batch, length), generator=generator)

    def noise(self, length: int) -> Tensor:
        """Draw an input for every block, (blocks, B, L, D): two sequences, or more if they are short."""
        generator = torch.Generator().manual_seed(self.seed + length)
        size = (len(self.model.blocks), max(2, FEWEST_TOKENS // length), length, self.shape.width)
        return torch.randn(size, generator=generator, dtype=torch.float64)

    @property
    def exactly_causal(self) -> bool:
        """True if a later token changes no bit of an earlier output: no operator uses an FFT or packs its tokens."""
        livs = (liv for block in self.model.stack() for liv in block.operator.livs)
        return all(liv.structure.exactly_causal(LENGTH) for liv in livs)
