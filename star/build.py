"""Construction of a module from a blueprint: its parts, one tensor for each shared weight, and seeded weights.

V vocabulary, D model width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from genome import Blueprint, Heads, Placement, Shape
from star.backbone import Backbone
from star.differential import Differential
from star.features import Feature, Featurizer
from star.liv import LIV, Operator

CALIBRATION_TOKENS = 128
HEAD_SCALE = 0.5
"""Standard deviation of the logits of a fresh model, whose last normalisation has unit RMS."""


def build(blueprint: Blueprint, shape: Shape, seed: int = 0, base_width: int | None = None) -> Backbone:
    """Build a freshly initialised model; its weights depend on the architecture and the seed alone.

    Args:
        base_width: a width at which the head is initialised as usual. At other widths D its standard deviation is
            then inversely proportional to D, not to sqrt(D), as muP has it (Yang et al. 2022, table 3).

    Raises:
        ValueError: a class does not fit the shape; the message names both.
    """
    model = skeleton(blueprint, shape).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(_seed(blueprint, seed))
    _initialise(model, generator)
    _calibrate(model, generator)
    if base_width is not None:
        with torch.no_grad():
            model.head_VD.mul_((base_width / shape.width) ** 0.5)
    return model


def skeleton(blueprint: Blueprint, shape: Shape) -> Backbone:
    """Build the same module on the meta device, where parameters have shapes but no values."""
    return assembled(blueprint, shape, head_sizes(blueprint, shape))


def head_sizes(blueprint: Blueprint, shape: Shape) -> tuple[Mapping[str, Heads], ...]:
    """Return the heads and channels of every feature group of each LIV.

    Raises:
        ShapeError: a class does not fit the shape; the message names both.
    """
    return tuple(shape.group_sizes(liv.liv_class, liv.featurizer) for liv in blueprint.livs)


def assembled(blueprint: Blueprint, shape: Shape, sizes: Sequence[Mapping[str, Heads]]) -> Backbone:
    """Build a module on the meta device whose feature groups have these sizes, one mapping for each LIV."""
    with torch.device("meta"):
        return Backbone(blueprint, shape, _operators(blueprint, shape, sizes))


def filled(model: Backbone, tensors: Mapping[str, Tensor]) -> Backbone:
    """Return a skeleton with these values as its parameters, all of one dtype, in evaluation mode."""
    model = model.to_empty(device="cpu").to(next(iter(tensors.values())).dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return model.eval()


def featurizer_groups(blueprint: Blueprint) -> dict[int, frozenset[str]]:
    """Return the feature groups of each featurizer: those that any LIV computes with its weights; by its position."""
    groups: dict[int, frozenset[str]] = {}
    for position, liv in enumerate(blueprint.livs):
        groups[liv.weights_from] = groups.get(liv.weights_from, frozenset()) | set(liv.computes(position))
    return groups


def featurizers_of(
    liv: Placement, groups: frozenset[str], sizes: Mapping[str, Heads], width: int, position: int = 0
) -> list[Featurizer]:
    """Build the featurizers of a LIV at this position: one, or one for each of a differential pair."""
    copies = 2 if liv.liv_class.differential else 1
    depth = position // 2
    return [Featurizer(liv.featurizer, sizes, width, groups, depth) for _ in range(copies)]


def operator_of(liv: Placement, computes: tuple[str, ...], featurizers: list[Featurizer], shape: Shape) -> Operator:
    """Build the operator of a LIV, which computes these feature groups with these featurizers."""
    copies = [LIV(liv, computes, shape, featurizer) for featurizer in featurizers]
    return Differential(*copies) if liv.liv_class.differential else copies[0]


def _operators(blueprint: Blueprint, shape: Shape, sizes: Sequence[Mapping[str, Heads]]) -> list[Operator]:
    groups = featurizer_groups(blueprint)
    featurizers: dict[int, list[Featurizer]] = {}
    operators: list[Operator] = []
    for position, liv in enumerate(blueprint.livs):
        if liv.weights_from == position:
            featurizers[position] = featurizers_of(liv, groups[position], sizes[position], shape.width, position)
        operators.append(operator_of(liv, liv.computes(position), featurizers[liv.weights_from], shape))
    return operators


def _initialise(model: Backbone, generator: torch.Generator) -> None:
    nn.init.normal_(model.embedding_VD, generator=generator)
    nn.init.normal_(model.head_VD, std=HEAD_SCALE * model.shape.width**-0.5, generator=generator)
    blocks = list(enumerate(model.stack()))
    for position, block in reversed(blocks):  # weights that several LIVs share are placed by the first of them, at last
        for module in block.modules():
            if isinstance(module, Feature):
                module.place(position / len(blocks))
    for module in model.modules():
        if isinstance(module, nn.RMSNorm):
            module.reset_parameters()
        if isinstance(module, Feature):
            module.initialise(generator)
    for block in model.stack():
        block.operator.initialise(generator)


@torch.no_grad()
def _calibrate(model: Backbone, generator: torch.Generator) -> None:
    """Give every LIV the same output RMS on white noise, so that no class is handicapped by its initialisation.

    The RMS is 1 / sqrt(depth): the residual stream then grows by a factor sqrt(2) over the whole stack.
    """
    size = (len(model.blocks), 1, CALIBRATION_TOKENS, model.shape.width)
    noise = torch.randn(size, generator=generator)
    for block, features in model.features_of(noise.unbind(0)):
        rms = block.mix(features).square().mean().sqrt().item()
        block.operator.rescale((len(model.blocks) ** -0.5) / max(rms, 1e-6))


def _seed(blueprint: Blueprint, seed: int) -> int:
    livs = [
        (liv.liv_class.operator.digits, liv.liv_class.differential, liv.weights_from, liv.features_from, liv.taken)
        for liv in blueprint.livs
    ]
    return int.from_bytes(hashlib.sha256(repr((livs, seed)).encode()).digest()[:8], "big") >> 1
