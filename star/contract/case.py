"""An architecture under examination: its model, and what it is given.

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
MEASURED_TOKENS = 64
"""At least so many are measured: of one or two alone the output may happen to be nearly zero."""


@dataclass(frozen=True)
class Subject:
    """One architecture under examination; `construct` is replaced where a test needs a faulty model."""

    blueprint: Blueprint
    shape: Shape
    seed: int = 0
    construct: Callable[[Blueprint, Shape, int], Backbone] = field(default=build)

    def build(self) -> Backbone:
        return self.construct(self.blueprint, self.shape, self.seed)

    @cached_property
    def model(self) -> Backbone:
        return self.build().double().eval()

    def tokens(self, batch: int, length: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randint(self.shape.vocab, (batch, length), generator=generator)

    def noise(self, length: int) -> Tensor:
        """An input for every LIV, (LIVs, batch, length, width): two sequences, or more where they are short."""
        generator = torch.Generator().manual_seed(self.seed + length)
        size = (len(self.model.blocks), max(2, MEASURED_TOKENS // length), length, self.shape.width)
        return torch.randn(size, generator=generator, dtype=torch.float64)

    @property
    def exactly_causal(self) -> bool:
        """Whether no operator is applied by FFT or packs its tokens: not even a rounding error may come from ahead."""
        livs = (liv for block in self.model.stack() for _, liv in block.operator.livs())
        return all(liv.structure.exactly_causal(LENGTH) for liv in livs)
