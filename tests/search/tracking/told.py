"""A tracker that keeps what it is told, and raises or waits if a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from search.tracking import Outcome, Run, State


class Told:
    """Keeps every report as its method's name and its arguments; `before` is called first, with the name."""

    name = "told"

    def __init__(self, before: Callable[[str], Any] = lambda method: None) -> None:
        self.reports: list[tuple[Any, ...]] = []
        self._before = before

    def begin(self, run: Run) -> None:
        self._take("begin", run)

    def outcome(self, outcome: Outcome) -> None:
        self._take("outcome", outcome)

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        self._take("progress", step, dict(values))

    def export(self, name: str, address: str) -> None:
        self._take("export", name, address)

    def end(self, state: State) -> None:
        self._take("end", state)

    def of(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of the reports by one method."""
        return [arguments for name, *arguments in self.reports if name == method]  # type: ignore[misc]

    def _take(self, method: str, *arguments: Any) -> None:
        self._before(method)
        self.reports.append((method, *arguments))
