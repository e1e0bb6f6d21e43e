"""Heads and channels of every feature group, as they follow from the width, the heads of the mixing and the digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from genome.classes.alphabet import Expansion, Repeat
from genome.classes.feature_groups import OUTPUT, ROUTES
from genome.classes.operator import FeaturizerGenome, GroupGenome
from genome.classes.quantities import ROUTE_CHOICES, ROUTE_COUNTS, STATE_SIZES


class Heads(NamedTuple):
    """A feature group's extent: (heads, channels per head)."""

    heads: int
    size: int

    @property
    def channels(self) -> int:
        return self.heads * self.size


class Asked(NamedTuple):
    """A group of a featurizer whose extent is asked for, and the heads of the mixing."""

    name: str
    featurizer: FeaturizerGenome
    mixing: Heads

    @property
    def group(self) -> GroupGenome:
        return self.featurizer[self.name]

    @property
    def shared_by(self) -> int:
        """How many heads of the mixing share one of the group's."""
        repeat = self.group.repeat
        return self.mixing.heads if repeat is Repeat.ALL else int(repeat)

    @property
    def own(self) -> int:
        """The group's heads."""
        return self.mixing.heads // self.shared_by


def extent(asked: Asked) -> Heads:
    """By the group's name, where that decides, or else by its expansion."""
    return (_BY_NAME.get(asked.name) or _BY_EXPANSION[asked.group.expansion])(asked)


def _decay(asked: Asked) -> Heads:
    """One a head, or one for every channel of the state, which is that of the keys."""
    if asked.group.expansion is Expansion.PER_HEAD:
        return Heads(asked.own, 1)
    return Heads(asked.own, STATE_SIZES.get(asked.featurizer["b"].expansion, asked.mixing.size))


def _routes(asked: Asked) -> Heads:
    return Heads(1, ROUTE_COUNTS[asked.group.expansion] + ROUTE_CHOICES[asked.group.generator].shared)


def _latent(asked: Asked) -> Heads:
    """Of values the latent alone, of queries and keys the part that is rotated too."""
    size = asked.mixing.size
    return Heads(asked.own, latent_size(size) + (0 if asked.name == "v" else rotated_size(size)))


_BY_NAME: dict[str, Callable[[Asked], Heads]] = {
    "a": _decay,
    "d": lambda asked: Heads(asked.mixing.heads, 1),
    "h": lambda asked: Heads(asked.mixing.heads, 1),
    "m": lambda asked: Heads(asked.mixing.heads, 4 * asked.mixing.size**2),
    ROUTES: _routes,
    OUTPUT: lambda asked: Heads(asked.mixing.heads, extent(asked._replace(name="v")).size),
}

_BY_EXPANSION: dict[Expansion, Callable[[Asked], Heads]] = {
    Expansion.SAME: lambda asked: Heads(asked.own, asked.mixing.size),
    Expansion.MLP: lambda asked: Heads(1, mlp_width(asked.mixing.channels)),
    Expansion.LATENT: _latent,
    Expansion.EXPERT: lambda asked: Heads(
        ROUTE_CHOICES[asked.featurizer[ROUTES].generator].met, expert_width(asked.mixing.channels)
    ),
    **dict.fromkeys(STATE_SIZES, lambda asked: Heads(1, STATE_SIZES[asked.group.expansion])),
}


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
