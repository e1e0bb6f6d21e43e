"""Heads and channels of every feature group, computed from the heads of the mixing and the digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from genome.classes.alphabet import Expansion, Repeat
from genome.classes.feature_groups import ACTIVATION, BALANCE, DECOMPRESSION, OUTPUT, ROUTES, SKIP
from genome.classes.operator import FeaturizerGenome, GroupGenome
from genome.classes.quantities import HEAD_FACTORS, ROUTE_CHOICES, ROUTE_COUNTS, STATE_SIZES


class Heads(NamedTuple):
    """The head size of a feature group: (heads, channels per head)."""

    heads: int
    size: int

    @property
    def channels(self) -> int:
        return self.heads * self.size


class GroupContext(NamedTuple):
    """The values that decide the head size of a group: its name, its featurizer, and the heads of the mixing."""

    name: str
    featurizer: FeaturizerGenome
    mixing: Heads

    @property
    def group(self) -> GroupGenome:
        return self.featurizer[self.name]

    @property
    def shared_by(self) -> int:
        """The number of heads of the mixing that share one head of the group."""
        repeat, paired = self.group.repeat, self.group.expansion is Expansion.PAIRED
        return self.mixing.heads if repeat is Repeat.ALL else int(repeat) * (2 if paired else 1)

    @property
    def own(self) -> int:
        """The number of heads of the group, for one route if each route has its own."""
        return self.mixing.heads // self.shared_by


def mixing_heads(heads: Heads, featurizer: FeaturizerGenome) -> Heads:
    """Return the heads of a mixing: those of the digits of the operator times the factor of its values' expansion."""
    return heads._replace(heads=heads.heads * HEAD_FACTORS.get(featurizer["v"].expansion, 1))


def head_size(context: GroupContext) -> Heads:
    """Compute the head size of a group from its name if the name decides it, otherwise from its expansion.

    A group that each route computes for itself has heads for each route that a token takes, one after the other.
    """
    size = (_BY_NAME.get(context.name) or _BY_EXPANSION[context.group.expansion])(context)
    if not context.group.by_route:
        return size
    return size._replace(heads=size.heads * ROUTE_CHOICES[context.featurizer[ROUTES].generator].total)


def _decay(context: GroupContext) -> Heads:
    """Compute one decay for each head, or one for each channel of the state, which has the channels of the keys."""
    if context.group.expansion is Expansion.PER_HEAD:
        return Heads(context.own, 1)
    return Heads(context.own, head_size(context._replace(name="b")).size)


def _skip(context: GroupContext) -> Heads:
    """Compute one weight for each head, or one for each channel of the values."""
    if context.group.expansion is Expansion.PER_HEAD:
        return Heads(context.mixing.heads, 1)
    return Heads(context.mixing.heads, head_size(context._replace(name="v")).size)


def _routes(context: GroupContext) -> Heads:
    return Heads(1, ROUTE_COUNTS[context.group.expansion] + ROUTE_CHOICES[context.group.generator].shared)


def _latent(context: GroupContext) -> Heads:
    """Compute the channels of the latent for values, and those plus the rotated channels for queries and keys.

    Queries of decompressed keys have the channels of a head in place of those of the latent.
    """
    size = context.mixing.size
    decompressed = context.name == "c" and DECOMPRESSION in context.featurizer.names
    read = size if decompressed else latent_size(size)
    return Heads(context.own, read + (0 if context.name == "v" else rotated_size(size)))


def _as_output(context: GroupContext) -> Heads:
    """Compute the channels of the output of the structure, which has those of the values in every head."""
    if DECOMPRESSION in context.featurizer.names:
        return context.mixing
    if BALANCE in context.featurizer.names:
        return Heads(context.mixing.heads // 2, 2 * context.mixing.size)
    return Heads(context.mixing.heads, head_size(context._replace(name="v")).size)


_BY_NAME: dict[str, Callable[[GroupContext], Heads]] = {
    "a": _decay,
    "d": lambda context: Heads(context.mixing.heads, 1),
    "h": lambda context: Heads(context.mixing.heads, 1),
    "m": lambda context: Heads(context.mixing.heads, 4 * context.mixing.size**2),
    ROUTES: _routes,
    DECOMPRESSION: lambda context: Heads(
        context.mixing.heads, 2 * context.mixing.size * latent_size(context.mixing.size)
    ),
    BALANCE: lambda context: Heads(1, 4 * context.mixing.size),
    SKIP: _skip,
    **dict.fromkeys((OUTPUT, ACTIVATION), _as_output),
}

_BY_EXPANSION: dict[Expansion, Callable[[GroupContext], Heads]] = {
    **dict.fromkeys((Expansion.SAME, Expansion.DOUBLE_HEADS), lambda context: Heads(context.own, context.mixing.size)),
    Expansion.DOUBLE: lambda context: Heads(context.own, 2 * context.mixing.size),
    Expansion.HALF: lambda context: Heads(context.own, max(1, context.mixing.size // 2)),
    Expansion.MLP: lambda context: Heads(1, mlp_width(context.mixing.channels)),
    Expansion.PAIRED: lambda context: Heads(context.own, 2 * context.mixing.size),
    Expansion.LATENT: _latent,
    Expansion.EXPERT: lambda context: Heads(
        ROUTE_CHOICES[context.featurizer[ROUTES].generator].total, expert_width(context.mixing.channels)
    ),
    **dict.fromkeys(STATE_SIZES, lambda context: Heads(1, STATE_SIZES[context.group.expansion])),
}


def mlp_width(width: int) -> int:
    """Compute 8/3 of the width, rounded up to a multiple of 16 (the rule of MAD-lab: 128 -> 352)."""
    return -(-(8 * width // 3) // 16) * 16


def expert_width(width: int) -> int:
    """Compute half of `mlp_width`, rounded up to a multiple of 8, so that two experts cost as much as one MLP."""
    return -(-mlp_width(width) // 16) * 8


def latent_size(size: int) -> int:
    """Compute the channels of the latent that all heads read as keys and values (DeepSeek-V2: 512 for heads of 128)."""
    return 4 * size


def rotated_size(size: int) -> int:
    """Compute the rotated channels of keys and queries: half a head, rounded up to be even (DeepSeek-V2: 64 of 128)."""
    return 2 * -(-size // 4)
