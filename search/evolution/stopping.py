"""The rules after which no new candidate begins, although the plan has room for more.

Promotions and repeats that are due still begin, and so does the honest finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.plan import Plan

STAGNANT = 0.005
"""Expected gain below which an improvement is none, as a share of the hypervolume that is dominated."""


class Stopping:
    """The rules of one search, and what they count.

    Attributes:
        why: the rule that ended the search, in words; empty while none did. It never changes back.
    """

    def __init__(self, plan: Plan) -> None:
        self._rules = plan.stop
        self._spent = 0
        self._told = 0
        self._failed = 0
        self._low_since: int | None = None
        self.why = ""

    def begin(self, spent: int) -> None:
        """Learn that a training begins which reads so many tokens."""
        self._spent += spent

    def tell(self, failed: bool) -> None:
        """Learn of an outcome."""
        self._told += 1
        self._failed = self._failed + 1 if failed else 0

    def expect(self, gain: float | None) -> None:
        """Learn the expected gain of a new candidate, as a share of what is dominated; None if it has none."""
        if gain is None:
            return
        if gain >= STAGNANT:
            self._low_since = None
        elif self._low_since is None:
            self._low_since = self._told

    def stops(self, seconds: float) -> bool:
        """Return whether no new candidate may begin, so many seconds after the search began."""
        if not self.why:
            self.why = next((words for counted, limit, words in self._counted(seconds) if counted >= limit), "")
        return bool(self.why)

    def state(self) -> dict[str, Any]:
        """Return as JSON what does not follow from the past of the search."""
        return {"low_since": self._low_since, "why": self.why}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on a state that `state` returned."""
        self._low_since, self.why = state["low_since"], state["why"]

    def _counted(self, seconds: float) -> list[tuple[float, float, str]]:
        """Return of every rule what it counts, its limit, and what it says."""
        low = self._told - self._low_since if self._low_since is not None else 0
        rules = (
            (self._spent, self._rules.tokens, "training tokens reached the plan's {:,}"),
            (self._failed, self._rules.failures, "{:,} trainings in a row failed"),
            (seconds, self._rules.seconds, "the plan's {:,g} seconds were over"),
            (
                low,
                self._rules.stagnation,
                f"the expected improvement stayed below {100 * STAGNANT:g} % of the hypervolume for {{:,}} outcomes",
            ),
        )
        return [
            (counted, limit, "no further candidate began: " + words.format(limit))
            for counted, limit, words in rules
            if limit is not None
        ]
