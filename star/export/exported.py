"""A model that leaves: its genome, space, shape, weights and the facts that are told beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from safetensors.torch import load as read_tensors

from genome import Genome, Shape, Space, decode
from star.backbone import Backbone
from star.build import skeleton

FORMAT = 1
"""The version of the description."""


@dataclass(frozen=True)
class Exported:
    """What every format is written from.

    Attributes:
        genome: the architecture.
        space: the space in which the genome is read.
        shape: width, head size and vocabulary.
        weights: the parameters as safetensors; a shared tensor is there once, under its first name.
        facts: JSON values that are stored beside the model: metrics, task, budget, origin.
    """

    genome: Genome
    space: Space
    shape: Shape
    weights: bytes
    facts: Mapping[str, Any]

    @classmethod
    def from_json(cls, description: Mapping[str, Any], weights: bytes) -> Exported:
        """Read what `to_json` returned.

        Raises:
            ValueError: this version cannot read it; the message says why.
        """
        if description.get("format") != FORMAT:
            raise ValueError(f"export format {description.get('format')!r} is unknown; this version reads {FORMAT}")
        return cls(
            Genome.parse(description["genome"]),
            Space.from_json(description["space"]),
            Shape.from_json(description["shape"]),
            weights,
            description["facts"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return all but the weights as JSON."""
        return {
            "format": FORMAT,
            "genome": str(self.genome),
            "space": self.space.to_json(),
            "shape": self.shape.to_json(),
            "facts": dict(self.facts),
        }

    @cached_property
    def model(self) -> Backbone:
        """The model in evaluation mode.

        Raises:
            ValueError: the genome is not legal, or the weights do not fit it.
        """
        model = skeleton(decode(self.genome, self.space), self.shape)
        tensors = read_tensors(self.weights)
        expected = {name: parameter.shape for name, parameter in model.named_parameters()}
        found = {name: tensor.shape for name, tensor in tensors.items()}
        if expected != found:
            wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            raise ValueError(f"the weights do not fit the genome: {', '.join(wrong[:5])}")
        dtype = next(iter(tensors.values())).dtype
        model = model.to_empty(device="cpu").to(dtype)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(tensors[name])
        return model.eval()
