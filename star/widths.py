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


def growing_axes(model: Backbone) -> dict[str, Grows]:
    """Return which axes of each parameter grow with the width, by name; a shared parameter once, as torch lists it.

    A parameter of one axis, such as a bias or a gain, has no fan-in. The rows of a table that tokens look up, which a
    module lists under `looked_up`, have a fan-in of one.
    """
    wider = skeleton(model.blueprint, replace(model.shape, width=2 * model.shape.width))
    tables = {id(getattr(module, name)) for module in model.modules() for name in getattr(module, "looked_up", ())}
    pairs = zip(model.named_parameters(), wider.parameters(), strict=True)
    return {name: _grows(weight, twice, id(weight) in tables) for (name, weight), twice in pairs}


def _grows(weight: nn.Parameter, wider: nn.Parameter, table: bool) -> Grows:
    axes = [own != other for own, other in zip(weight.shape, wider.shape, strict=True)]
    if table or len(axes) < 2:
        return Grows(fan_in=False, fan_out=any(axes))
    return Grows(fan_in=axes[-1], fan_out=any(axes[:-1]))
