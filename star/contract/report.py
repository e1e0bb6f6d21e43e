"""The outcome of the operator contract for one architecture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Breach:
    """A property that did not hold.

    Attributes:
        check: the name of the check, a key of `star.contract.checks.CHECKS`.
        detail: one sentence with the measured value.
    """

    check: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.detail}"


@dataclass(frozen=True)
class Report:
    """The names of the checks that ran, and every breach that they found."""

    checked: tuple[str, ...]
    breaches: tuple[Breach, ...]

    @property
    def ok(self) -> bool:
        """True if no check found a breach."""
        return not self.breaches

    @property
    def held(self) -> tuple[str, ...]:
        """The names of the checks that found no breach."""
        broken = {breach.check for breach in self.breaches}
        return tuple(name for name in self.checked if name not in broken)
