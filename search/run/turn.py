"""Turns: a runner works on one search for a while, and on another one next, so that none waits for all of another."""

from __future__ import annotations

import time

TURN_SECONDS = 60.0
"""Seconds of a turn at priority 0; each step of priority doubles them."""

OPENINGS, TRAININGS = 20.0, 8.0
"""A turn lasts at least so many times as long as taking the search up, and as its longest training.

At its end workers idle until the last training has ended, which then is at most a small share of the turn.
"""


class Turn:
    """The time of one search at a runner.

    Args:
        seconds: those of a turn at priority 0.
        priority: the priority of the search.
    """

    def __init__(self, seconds: float, priority: int) -> None:
        self._began = time.monotonic()
        self._seconds = seconds * 2.0**priority
        self._opening = 0.0
        self._longest = 0.0
        self._any = False

    def opened(self) -> None:
        """Learn that the search has been taken up."""
        self._opening = time.monotonic() - self._began

    def ended(self, seconds: float) -> None:
        """Learn of a training that took so many seconds."""
        self._longest = max(self._longest, seconds)
        self._any = True

    @property
    def over(self) -> bool:
        """Whether another search may have its turn; never before a training has ended, so that every turn gets on."""
        least = max(self._seconds, OPENINGS * self._opening, TRAININGS * self._longest)
        return self._any and time.monotonic() - self._began >= least
