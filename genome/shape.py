"""The sizes that are not in a genome: a job's shape, and the widths that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from genome.alphabet import (
    CHOICES,
    OUTPUT,
    ROUTE_COUNTS,
    ROUTES,
    STATE_SIZES,
    ChannelMixing,
    Expansion,
    Normalisation,
    Repeat,
)
from genome.operator import FeaturizerGenome, LIVClass, OperatorGenome


class Heads(NamedTuple):
    """A feature group's extent: (heads, channels per head)."""

    heads: int
    size: int

    @property
    def channels(self) -> int:
        return self.heads * self.size


@dataclass(frozen=True)
class Shape:
    """Width of the residual stream, channels per head, vocabulary size, and the window of banded operators.

    Raises:
        ValueError: a size is not positive or the width is no multiple of the head size.
    """

    width: int = 64
    head_dim: int = 16
    vocab: int = 256
    window: int = 64

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")
        if self.width % self.head_dim:
            raise ValueError(f"width {self.width} must be a multiple of head_dim {self.head_dim}")

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
            ValueError: a group's heads do not divide by its repeat, or heads too small; the message names the class.
        """
        heads, size = self.heads(liv_class.operator)
        state = featurizer["b"].expansion if "b" in featurizer.names else Expansion.SAME
        extents = {}
        for name, group in featurizer.groups:
            repeat = heads if group.repeat is Repeat.ALL else int(group.repeat)
            if heads % repeat:
                raise ValueError(
                    f"class {liv_class.id} {liv_class.name} shares each {name} head among {repeat} heads; "
                    f"width {self.width} with head_dim {self.head_dim} gives {heads} heads, no multiple of it"
                )
            if name == "a":
                extents[name] = Heads(
                    heads // repeat, 1 if group.expansion is Expansion.PER_HEAD else STATE_SIZES.get(state, size)
                )
            elif name == ROUTES:
                extents[name] = Heads(1, ROUTE_COUNTS[group.expansion] + CHOICES[group.generator].shared)
            elif group.expansion is Expansion.EXPERT:
                met = CHOICES[featurizer[ROUTES].generator].met
                extents[name] = Heads(met, expert_width(heads * size))
            elif name in ("d", "h"):
                extents[name] = Heads(heads, 1)
            elif name == OUTPUT:
                extents[name] = Heads(heads, extents["v"].size)
            elif name == "m":
                extents[name] = Heads(heads, 4 * size * size)
            elif group.expansion in STATE_SIZES:
                extents[name] = Heads(1, STATE_SIZES[group.expansion])
            elif group.expansion is Expansion.MLP:
                extents[name] = Heads(1, mlp_width(heads * size))
            elif group.expansion is Expansion.LATENT:
                extents[name] = Heads(heads // repeat, latent_size(size) + (0 if name == "v" else rotated_size(size)))
            else:
                extents[name] = Heads(heads // repeat, size)
            if group.normalisation is not Normalisation.NONE and extents[name].size == 1:
                raise ValueError(
                    f"class {liv_class.id} {liv_class.name} normalises the {name} of each head; "
                    f"heads of one channel (head_dim {self.head_dim}) would be left with its sign"
                )
        return extents

    def fits(self, liv_class: LIVClass, featurizer: FeaturizerGenome) -> bool:
        """Whether `groups` has an answer."""
        try:
            self.groups(liv_class, featurizer)
        except ValueError:
            return False
        return True

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shape:
        """The inverse of `to_json`; a description from before there was a window has the default one."""
        return cls(int(data["width"]), int(data["head_dim"]), int(data["vocab"]), int(data.get("window", cls.window)))


def mlp_width(width: int) -> int:
    """8/3 of the width, rounded up to a multiple of 16 (MAD-lab's rule: 128 -> 352)."""
    return -(-(8 * width // 3) // 16) * 16


def expert_width(width: int) -> int:
    """Half of `mlp_width`, rounded up to a multiple of 8: two experts cost what one unrouted unit costs."""
    return -(-mlp_width(width) // 16) * 8


def latent_size(size: int) -> int:
    """Channels of the latent that stands for the keys and values of all heads (DeepSeek-V2: 512 for heads of 128)."""
    return 4 * size


def rotated_size(size: int) -> int:
    """Channels beside it that know their position: half a head, made even (DeepSeek-V2: 64 for heads of 128)."""
    return 2 * -(-size // 4)
