"""The sizes that are not in a genome: a job's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from genome.classes.alphabet import ChannelMixing, Normalisation
from genome.classes.head_sizes import Asked, Heads, extent
from genome.classes.operator import FeaturizerGenome, LIVClass, OperatorGenome


class ShapeError(ValueError):
    """A size of a shape that is refused; `field` is the name of that size."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Shape:
    """Width of the residual stream, channels per head, vocabulary size, and the window of banded operators.

    Raises:
        ShapeError: a size is not positive or the width is no multiple of the head size.
    """

    width: int = 64
    head_dim: int = 16
    vocab: int = 256
    window: int = 64

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ShapeError(name, f"{name} must be 1 or more, not {value}")
        if self.width % self.head_dim:
            raise ShapeError("head_dim", f"width {self.width} must be a multiple of head_dim {self.head_dim}")

    def heads(self, operator: OperatorGenome) -> Heads:
        """Heads of the mixing: one per channel (diagonal), one in all (dense), or of `head_dim` (grouped, outer)."""
        mixing = operator.channel_mixing
        if mixing is ChannelMixing.DIAGONAL:
            return Heads(self.width, 1)
        if mixing is ChannelMixing.DENSE:
            return Heads(1, self.width)
        return Heads(self.width // self.head_dim, self.head_dim)

    def groups(self, liv_class: LIVClass, featurizer: FeaturizerGenome) -> dict[str, Heads]:
        """The extent of every feature group of a class.

        Raises:
            ShapeError: a group's heads do not divide by its repeat, or heads too small; the message names the class.
        """
        mixing = self.heads(liv_class.operator)
        extents = {}
        for name, group in featurizer.groups:
            asked = Asked(name, featurizer, mixing)
            if mixing.heads % asked.shared_by:
                raise ShapeError(
                    "head_dim",
                    f"class {liv_class.id} {liv_class.name} shares each {name} head among {asked.shared_by} heads; "
                    f"width {self.width} with head_dim {self.head_dim} gives {mixing.heads} heads, no multiple of it",
                )
            extents[name] = extent(asked)
            if group.normalisation is not Normalisation.NONE and extents[name].size == 1:
                raise ShapeError(
                    "head_dim",
                    f"class {liv_class.id} {liv_class.name} normalises the {name} of each head; "
                    f"heads of one channel (head_dim {self.head_dim}) would be left with its sign",
                )
        return extents

    def fits(self, liv_class: LIVClass, featurizer: FeaturizerGenome) -> bool:
        """Whether `groups` has an answer."""
        try:
            self.groups(liv_class, featurizer)
        except ShapeError:
            return False
        return True

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shape:
        """The inverse of `to_json`; a description from before there was a window has the default one."""
        return cls(int(data["width"]), int(data["head_dim"]), int(data["vocab"]), int(data.get("window", cls.window)))
