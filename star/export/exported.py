"""A model that leaves: its genome, space, shape, weights and the facts that are told beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from genome import Genome, Shape, Space, decode
from star.backbone import Backbone
from star.build import filled, skeleton
from star.export.description import FORMAT
from star.export.tensors import fitting


@dataclass(frozen=True)
class Exported:
    """What every format is written from.

    Attributes:
        genome: the architecture.
        space: the space in which the genome is read.
        shape: width, head size and vocabulary.
        weights: the parameters as safetensors; a shared tensor is there once, under its first name.
        facts: JSON values that are stored beside the model: metrics, task, budget, origin.
        tokenizer: the JSON of `tokenizers` that made the tokens; None where they are bytes, or it is not known.
    """

    genome: Genome
    space: Space
    shape: Shape
    weights: bytes
    facts: Mapping[str, Any]
    tokenizer: bytes | None = None

    @classmethod
    def from_json(cls, description: Mapping[str, Any], weights: bytes, tokenizer: bytes | None = None) -> Exported:
        """Make it of what `description.parsed` returned. Of the weights nothing is read.

        Raises:
            ValueError: a field is not legal, or the genome is not legal in its space and shape; the message says which.
        """
        with _field("genome"):
            genome = Genome.parse(description["genome"])
        with _field("space"):
            space = Space.from_json(description["space"])
        with _field("shape"):
            shape = Shape.from_json(description["shape"])
        found = cls(genome, space, shape, weights, description["facts"], tokenizer)
        with _field("genome"):
            _ = found._skeleton
        return found

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
        expected = {name: parameter.shape for name, parameter in self._skeleton.named_parameters()}
        tensors = fitting(self.weights, expected)
        return filled(skeleton(decode(self.genome, self.space), self.shape), tensors)

    @cached_property
    def _skeleton(self) -> Backbone:
        return skeleton(decode(self.genome, self.space), self.shape)


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Name a field in whatever goes wrong with its value."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"{name}: {error}") from error
