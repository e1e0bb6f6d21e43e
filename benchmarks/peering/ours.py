"""This project's sides: a freshly built operator, the structure of one, or a whole model.

B batch, L tokens, D model width, H heads, V value channels of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from peering.pair import Layer, Pair, Side, Sizes, layer_side
from torch import Tensor, nn

import star
from genome import Genome, Shape, Space, decode, named
from star.backbone import Backbone
from star.block import Block

Weights = Mapping[str, Tensor]
"""The weights of an operator: by group and name (`c.weight`), or by name alone (`out_DC`)."""

WINDOW = 64


def block_of(name: str, sizes: Sizes) -> Block:
    """Build a block with one LIV of the class of this name."""
    shape = Shape(sizes.width, sizes.head_dim, window=WINDOW)
    return next(star.build(decode(Genome.of([named(name).id]), Space.of(depth=1)), shape).stack())


def model_of(names: list[str], sizes: Sizes) -> Backbone:
    """Build a model of LIVs of these classes, first to last, that reads bytes."""
    genome = Genome.of([named(name).id for name in names])
    shape = Shape(sizes.width, sizes.head_dim, window=WINDOW)
    return star.build(decode(genome, Space.of(depth=len(names))), shape).eval()


def weights_of(operator: nn.Module) -> Weights:
    """Return the weights of an operator by name."""
    named_weights = operator.named_parameters()
    return {name.removeprefix("featurizer.groups."): weight.detach() for name, weight in named_weights}


def filled(module: nn.Module, tensors: Weights) -> nn.Module:
    """Fill a module with copies of these tensors, reshaped, by the names of its parameters; other gains are ones.

    Raises:
        ValueError: a parameter is neither given nor a gain, or a tensor has no parameter.
    """
    left = dict(tensors)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in left:
                parameter.copy_(left.pop(name).reshape(parameter.shape))
            elif "norm" in name:
                parameter.fill_(1.0)
            else:
                raise ValueError(f"the parameter {name} of {type(module).__name__} is not given")
    if left:
        raise ValueError(f"{type(module).__name__} has no parameters {', '.join(left)}")
    return module


def latest_last(taps_CW: Tensor) -> Tensor:
    """Return taps in the order of `torch.nn.Conv1d`, whose last tap meets the current token."""
    return taps_CW.flip(1).unsqueeze(1)


def layers(name: str, peer: Callable[[Sizes, Weights], Layer]) -> Callable[[Sizes], Pair]:
    """Return a builder of pairs of an operator of this class and a peer's layer, which is given its weights."""

    def build(sizes: Sizes) -> Pair:
        operator, x_BLD = block_of(name, sizes).operator, sizes.inputs()
        layer = peer(sizes, weights_of(operator))
        return Pair(layer_side(operator, operator, x_BLD), layer_side(*layer, x_BLD))

    return build


def structures(
    name: str, arranged: Callable[[Weights], tuple[Tensor, ...]], mix: Callable[..., Tensor]
) -> Callable[[Sizes], Pair]:
    """Return a builder of pairs of the structure of this class and a peer's function, on the features of the class.

    Features that no weight and no input changes, such as fixed decays, get no gradient on either side.

    Args:
        arranged: returns the features as the peer takes them.
        mix: returns y_BLHV from these.
    """

    def build(sizes: Sizes) -> Pair:
        block = block_of(name, sizes)
        (computed,) = block.features(sizes.inputs())
        ((liv, mixed),) = block.parts((computed,))
        features = {group: _as_leaf(feature) for group, feature in mixed.items()}
        given = [_as_leaf(x) for x in arranged(features)]
        ours = Side(lambda: liv.structure.fast(features), _learned(features.values()), 0)
        return Pair(ours, Side(lambda: mix(*given), _learned(given), 0))

    return build


def _as_leaf(x: Tensor) -> Tensor:
    return x.detach().clone(memory_format=torch.contiguous_format).requires_grad_(x.requires_grad)


def _learned(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [x for x in tensors if x.requires_grad]
