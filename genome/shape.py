"""The shape of a job: the sizes of a model that are not in a genome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from genome.classes.alphabet import ChannelMixing
from genome.classes.head_sizes import GroupContext, Heads, head_size, mixing_heads
from genome.classes.operator import FeaturizerGenome, LIVClass, OperatorGenome
from genome.classes.quantities import LEAST_NORMALISED


class ShapeError(ValueError):
    """A size of a shape that is refused; `field` is the name of that size."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Shape:
    """Width of the residual stream, channels per head, vocabulary size, and the window of banded operators.

    Attributes:
        vocab: the number of different tokens; with `channels`, the number of values of each step of the output.
        channels: the number of real values of each step of the input; 0 where the input is tokens.

    Raises:
        ShapeError: a size is not positive or the width is no multiple of the head size.
    """

    width: int = 64
    head_dim: int = 16
    vocab: int = 256
    window: int = 64
    channels: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1 and name != "channels":
                raise ShapeError(name, f"{name} must be 1 or more, not {value}")
        if self.width % self.head_dim:
            raise ShapeError("head_dim", f"width {self.width} must be a multiple of head_dim {self.head_dim}")

    def heads(self, operator: OperatorGenome) -> Heads:
        """Return the heads of the mixing.

        Each channel is a head (diagonal), all channels are one head (dense), or each `head_dim` channels are a head
        (grouped, outer).
        """
        mixing = operator.channel_mixing
        if mixing is ChannelMixing.DIAGONAL:
            return Heads(self.width, 1)
        if mixing is ChannelMixing.DENSE:
            return Heads(1, self.width)
        return Heads(self.width // self.head_dim, self.head_dim)

    def group_sizes(self, liv_class: LIVClass, featurizer: FeaturizerGenome) -> dict[str, Heads]:
        """Return the heads and channels of every feature group of a class.

        Raises:
            ShapeError: the number of heads is no multiple of a repeat, or a head has too few channels to be normalised;
                the message names the class.
        """
        mixing = mixing_heads(self.heads(liv_class.operator), featurizer)
        head_sizes = {}
        for name, group in featurizer.groups:
            context = GroupContext(name, featurizer, mixing)
            if mixing.heads % context.shared_by:
                raise ShapeError(
                    "head_dim",
                    f"class {liv_class.id} {liv_class.name} shares each {name} head among {context.shared_by} heads; "
                    f"width {self.width} with head_dim {self.head_dim} gives {mixing.heads} heads, no multiple of it",
                )
            head_sizes[name] = head_size(context)
            if head_sizes[name].size < LEAST_NORMALISED.get(group.normalisation, 1):
                raise ShapeError(
                    "head_dim",
                    f"class {liv_class.id} {liv_class.name} normalises the {name} of each head; "
                    f"a normalised head of one channel, or of two whose mean is taken out, is its sign alone "
                    f"(head_dim {self.head_dim})",
                )
        return head_sizes

    def fits(self, liv_class: LIVClass, featurizer: FeaturizerGenome) -> bool:
        """Return whether `group_sizes` accepts this class."""
        try:
            self.group_sizes(liv_class, featurizer)
        except ShapeError:
            return False
        return True

    @property
    def inputs(self) -> int:
        """The rows of the embedding: one for each token, or for each real value of a step."""
        return self.channels or self.vocab

    def to_json(self) -> dict[str, int]:
        """Return the sizes by name, without `channels` where the input is tokens."""
        return {name: value for name, value in asdict(self).items() if name != "channels" or value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shape:
        """Read the output of `to_json`; shapes stored before `window` or `channels` was added get their defaults."""
        later = {name: int(data[name]) for name in ("window", "channels") if name in data}
        return cls(int(data["width"]), int(data["head_dim"]), int(data["vocab"]), **later)
