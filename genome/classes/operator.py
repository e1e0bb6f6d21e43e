"""One LIV class as digits: the digits of its operator and of its feature groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Nonlinearity,
    Normalisation,
    Repeat,
    Source,
    Sparsity,
    TokenMixing,
)
from genome.classes.feature_groups import GROUP_MEANING, GROUPS, ROUTED_STRATEGIES, ROUTES, STRATEGIES


@dataclass(frozen=True)
class GroupGenome:
    """The digits of one feature group."""

    source: Source = Source.PROJECTED
    channel: ChannelMixing = ChannelMixing.DENSE
    token: FeatureTokenMixing = FeatureTokenMixing.NONE
    sparsity: Sparsity = Sparsity.NONE
    nonlinearity: Nonlinearity = Nonlinearity.NONE
    expansion: Expansion = Expansion.SAME
    repeat: Repeat = Repeat.ONE
    generator: Generator = Generator.NONE
    normalisation: Normalisation = Normalisation.NONE

    @property
    def constant(self) -> bool:
        """True if the group is no projection: a learned or fixed constant, or a function of position."""
        return self.source in (Source.CONSTANT, Source.POSITION)

    @property
    def by_route(self) -> bool:
        """True if each route projects or convolves the group for itself: a token has heads for each route it takes."""
        return self.channel is ChannelMixing.ROUTED or self.sparsity is Sparsity.ROUTED

    @classmethod
    def of(cls, digits: Sequence[int]) -> GroupGenome:
        """Read integers in the order of the fields; the ninth may be missing, as in groups stored before it was added.

        Raises:
            ValueError: there are not eight or nine integers, or one is not in its alphabet; the message lists it.
        """
        most = len(GROUP_ALPHABETS)
        if not most - 1 <= len(digits) <= most:
            raise ValueError(f"a feature group has {most} digits, not {len(digits)}")
        read = zip(GROUP_ALPHABETS.items(), digits, strict=False)
        return cls(**{name: _digit(alphabet, digit, name) for (name, alphabet), digit in read})

    @property
    def digits(self) -> tuple[int, ...]:
        """The digits in the order of the fields; a ninth digit of 1 is left out, so that stored text stays the same."""
        digits = tuple(int(getattr(self, name)) for name in GROUP_ALPHABETS)
        return digits[:-1] if self.normalisation is Normalisation.NONE else digits


GROUP_ALPHABETS: dict[str, Any] = {
    "source": Source,
    "channel": ChannelMixing,
    "token": FeatureTokenMixing,
    "sparsity": Sparsity,
    "nonlinearity": Nonlinearity,
    "expansion": Expansion,
    "repeat": Repeat,
    "generator": Generator,
    "normalisation": Normalisation,
}


@dataclass(frozen=True)
class FeaturizerGenome:
    """A featurizer class: the digits of each of its feature groups, by group name."""

    id: int
    groups: tuple[tuple[str, GroupGenome], ...]

    def __getitem__(self, group: str) -> GroupGenome:
        return dict(self.groups)[group]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.groups)

    def with_routes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names, and that of the routes if one of the groups is computed for each route."""
        return (*names, ROUTES) if any(self[name].by_route for name in names) else names

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "groups": {name: list(group.digits) for name, group in self.groups}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeaturizerGenome:
        """Read the output of `to_json`, in any order of the keys.

        Raises:
            ValueError: a group name or a digit is unknown; the message lists the legal ones.
        """
        groups = {str(name): GroupGenome.of(digits) for name, digits in data["groups"].items()}
        unknown = ", ".join(groups.keys() - GROUP_MEANING.keys())
        if unknown:
            raise ValueError(
                f"featurizer {data['id']}: unknown feature group {unknown}; legal: {', '.join(GROUP_MEANING)}"
            )
        return cls(int(data["id"]), tuple((name, groups[name]) for name in GROUP_MEANING if name in groups))


@dataclass(frozen=True)
class OperatorGenome:
    """The five digits of an operator."""

    featurizer: int
    token_mixing: TokenMixing
    sparsity: Sparsity
    nonlinearity: Nonlinearity
    channel_mixing: ChannelMixing

    @classmethod
    def of(cls, digits: Sequence[int]) -> OperatorGenome:
        """Read five integers.

        Raises:
            ValueError: there are not five integers, or one is not in its alphabet; the message lists it.
        """
        if len(digits) != 5:
            raise ValueError(f"an operator has five digits, not {len(digits)}")
        featurizer, mixing, sparsity, nonlinearity, channel = digits
        return cls(
            featurizer,
            _digit(TokenMixing, mixing, "token_mixing"),
            _digit(Sparsity, sparsity, "sparsity"),
            _digit(Nonlinearity, nonlinearity, "nonlinearity"),
            _digit(ChannelMixing, channel, "channel_mixing"),
        )

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the feature groups that the operator mixes."""
        groups = GROUPS[self.token_mixing]
        return (*groups, ROUTES) if self.sparsity is Sparsity.ROUTED else groups

    @property
    def strategies(self) -> tuple[tuple[str, ...], ...]:
        """The groups that each feature-sharing strategy 1, 2, ... of the operator shares."""
        plain = STRATEGIES[self.token_mixing]
        return ROUTED_STRATEGIES.get(self.token_mixing, plain) if self.sparsity is Sparsity.ROUTED else plain

    @property
    def digits(self) -> tuple[int, ...]:
        return (
            self.featurizer,
            int(self.token_mixing),
            int(self.sparsity),
            int(self.nonlinearity),
            int(self.channel_mixing),
        )


@dataclass(frozen=True)
class LIVClass:
    """A named operator, such as a row of the catalogue; `differential` means y1 - lambda * y2 of two copies."""

    id: int
    name: str
    operator: OperatorGenome
    differential: bool = False
    source: str = field(default="", compare=False, repr=False)
    description: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.id < 1:
            raise ValueError(f"class {self.name}: id must be 1 or more (0 means no operator), not {self.id}")

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "digits": list(self.operator.digits),
            "differential": self.differential,
            "source": self.source,
            "description": self.description,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LIVClass:
        """Read the output of `to_json`; older jobs store the description under the key `says`."""
        return cls(
            int(data["id"]),
            str(data["name"]),
            OperatorGenome.of(data["digits"]),
            bool(data["differential"]),
            str(data["source"]),
            str(data["says"] if "says" in data else data["description"]),
        )


def _digit(alphabet: Any, value: Any, name: str) -> Any:
    try:
        return alphabet(value)
    except ValueError:
        legal = ", ".join(f"{member.value} {member.name.lower()}" for member in alphabet)
        raise ValueError(f"{name} {value!r} is not a digit; legal: {legal}") from None
