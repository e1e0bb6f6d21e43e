"""A pair: one piece of work as this project does it and as a peer does it, on equal inputs.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

NARROWEST = 64


class Sizes(NamedTuple):
    """The sizes of a pair.

    Attributes:
        width: channels of the residual stream.
        head_dim: channels of a head.
        length: tokens of a sequence; for decoding, the tokens before the one that is decoded.
        batch: sequences.
    """

    width: int
    head_dim: int
    length: int
    batch: int

    @property
    def heads(self) -> int:
        return self.width // self.head_dim

    @classmethod
    def at(cls, width: int, length: int) -> Sizes:
        """Return sizes at which a pair takes well under a second: heads of 16 channels at width 64, else of 64."""
        head_dim = 16 if width <= NARROWEST else 64
        return cls(width, head_dim, length, max(1, 256 * 512 // (width * length)))

    def inputs(self) -> Tensor:
        """Draw x_BLD, the same at every call."""
        size = (self.batch, self.length, self.width)
        return torch.randn(size, generator=torch.Generator().manual_seed(self.length))


class Side(NamedTuple):
    """One side of a pair.

    Attributes:
        run: computes the output once.
        leaves: the tensors whose gradients a backward pass computes; none if only the output is computed.
        parameters: learned numbers; 0 where features are given in place of weights.
        before: returns to the state before the first run; its time does not count.
    """

    run: Callable[[], Tensor]
    leaves: Sequence[Tensor]
    parameters: int
    before: Callable[[], object] = lambda: None

    def work(self) -> None:
        """Compute the output and, if there are leaves, their gradients for a gradient of ones."""
        y = self.run()
        if self.leaves:
            torch.autograd.grad(y, self.leaves, torch.ones_like(y), allow_unused=True)


class Pair(NamedTuple):
    """The two sides, whose outputs have the same shape."""

    ours: Side
    peer: Side


class Layer(NamedTuple):
    """A layer of a peer: its weights, and how it computes y_BLD from x_BLD."""

    module: nn.Module
    call: Callable[[Tensor], Tensor]


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        ours: the class, or the genome of a model.
        peer: the peer's name for its side.
        packages: the modules that must be installed for the peer; none for one that is written in this folder.
        compared: "layer" (forward and backward with weights), "structure" (forward and backward on features that are
            given), or "token" (one token of a model is decoded).
        build: makes both sides.
        agrees: whether both sides have the same weights, so that their outputs are equal up to rounding.
        differs: how the peer's work or parameters differ, if they do.
        lengths: tokens.
        narrow_lengths: further lengths, which are measured at the least width alone.
    """

    ours: str
    peer: str
    packages: tuple[str, ...]
    compared: str
    build: Callable[[Sizes], Pair]
    agrees: bool = True
    differs: str = ""
    lengths: tuple[int, ...] = (512,)
    narrow_lengths: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.ours} / {self.peer}, {self.compared}"

    def sizes(self, width: int) -> list[Sizes]:
        """Return the sizes of this row at a width."""
        lengths = self.lengths + (self.narrow_lengths if width == NARROWEST else ())
        sizes = [Sizes.at(width, length) for length in lengths]
        return [one._replace(batch=1) for one in sizes] if self.compared == "token" else sizes


def layer_side(module: nn.Module, call: Callable[[Tensor], Tensor], x_BLD: Tensor) -> Side:
    """Return the side of a layer, whose backward pass reaches its input and its parameters."""
    x_BLD = x_BLD.clone().requires_grad_()
    parameters = list(module.parameters())
    return Side(lambda: call(x_BLD), [x_BLD, *parameters], sum(weight.numel() for weight in parameters))
