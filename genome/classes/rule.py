"""A rule about the digits of a class, and the sentence for a digit that is not legal where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from genome.classes.operator import FeaturizerGenome, OperatorGenome

Rule = Callable[[OperatorGenome, FeaturizerGenome], Iterator[str]]
"""A function that yields one sentence for each way in which an operator with this featurizer cannot be built."""


def choice(where: str, what: str, value: Any, legal: tuple[Any, ...]) -> Iterator[str]:
    """Yield a sentence that lists the legal values if `value` is none of them."""
    if value not in legal:
        named = ", ".join(f"{one.value} ({one.name.lower()})" for one in legal)
        yield f"{where}: {what} {value.value} ({value.name.lower()}) cannot be built; legal: {named}"
