"""Construction of a module from a blueprint: its parts, one tensor for each shared weight, and seeded weights.

V vocabulary, D model width.
"""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from genome import Blueprint, Placement, Shape
from star.backbone import Backbone
from star.differential import Differential
from star.features import Feature, Featurizer
from star.liv import LIV, Operator

CALIBRATION_TOKENS = 128
HEAD_SCALE = 0.5
"""Standard deviation of the logits of a fresh model, whose last normalisation has unit RMS."""


def build(blueprint: Blueprint, shape: Shape, seed: int = 0) -> Backbone:
    """Build a freshly initialised model; its weights depend on the architecture and the seed alone.

    Raises:
        ValueError: a class does not fit the shape; the message names both.
    """
    model = skeleton(blueprint, shape).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(_seed(blueprint, seed))
    _initialise(model, generator)
    _calibrate(model, generator)
    return model


def skeleton(blueprint: Blueprint, shape: Shape) -> Backbone:
    """Build the same module on the meta device, where parameters have shapes but no values."""
    with torch.device("meta"):
        return Backbone(blueprint, shape, _operators(blueprint, shape))


def _operators(blueprint: Blueprint, shape: Shape) -> list[Operator]:
    needed: dict[int, set[str]] = {}
    for position, liv in enumerate(blueprint.livs):
        needed.setdefault(liv.weights_from, set()).update(liv.computes(position))
    featurizers: dict[int, list[Featurizer]] = {}
    operators: list[Operator] = []
    for position, liv in enumerate(blueprint.livs):
        if liv.weights_from == position:
            featurizers[position] = [_featurizer(liv, shape, needed[position]) for _ in range(_copies(liv))]
        copies = [LIV(liv, liv.computes(position), shape, weights) for weights in featurizers[liv.weights_from]]
        operators.append(Differential(*copies) if liv.liv_class.differential else copies[0])
    return operators


def _copies(liv: Placement) -> int:
    return 2 if liv.liv_class.differential else 1


def _featurizer(liv: Placement, shape: Shape, groups: set[str]) -> Featurizer:
    return Featurizer(liv.featurizer, shape.groups(liv.liv_class, liv.featurizer), shape.width, groups)


def _initialise(model: Backbone, generator: torch.Generator) -> None:
    nn.init.normal_(model.embedding_VD, generator=generator)
    nn.init.normal_(model.head_VD, std=HEAD_SCALE * model.shape.width**-0.5, generator=generator)
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
