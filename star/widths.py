"""The axes of the parameters that grow with the width of a model, found by building its skeleton twice as wide.

A weight maps the channels of its last axis, its fan-in, to those of its other axes, its fan-out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torch import nn

from star.backbone import Backbone
from star.build import skeleton


class Grows(NamedTuple):
    """Whether the fan-in and the fan-out of a parameter grow with the width."""

    fan_in: bool
    fan_out: bool


def growing_axes(model: nn.Module) -> dict[str, Grows]:
    """Return which axes of each parameter grow with the width, by name; a shared parameter once, as torch lists it.

    A parameter of one axis, such as a bias or a gain, has no fan-in. The rows of a table that tokens look up, which a
    module lists under `looked_up`, have a fan-in of one. Of what a task builds around the model, an axis grows if it is
    as long as the model is wide.
    """
    inner = backbone_of(model)
    wider = skeleton(inner.blueprint, replace(inner.shape, width=2 * inner.shape.width))
    twice = {id(own): other for own, other in zip(inner.parameters(), wider.parameters(), strict=True)}
    tables = {id(getattr(module, name)) for module in model.modules() for name in getattr(module, "looked_up", ())}
    grows = {}
    for name, weight in model.named_parameters():
        if id(weight) in twice:
            axes = [own != other for own, other in zip(weight.shape, twice[id(weight)].shape, strict=True)]
        else:
            axes = [length == inner.shape.width for length in weight.shape]
        grows[name] = _grows(axes, id(weight) in tables)
    return grows


def backbone_of(model: nn.Module) -> Backbone:
    """Return the architecture in a model, which a task may have wrapped."""
    return next(module for module in model.modules() if isinstance(module, Backbone))


def _grows(axes: list[bool], table: bool) -> Grows:
    if table or len(axes) < 2:
        return Grows(fan_in=False, fan_out=any(axes))
    return Grows(fan_in=axes[-1], fan_out=any(axes[:-1]))
