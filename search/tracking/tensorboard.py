"""TensorBoard: a folder of event files for each run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from search.tracking.tracker import Outcome, Run, State

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TEXTS = ("genome", "seed", "tokens", "purpose", "failure", "detail")
"""What is shown of an outcome as a table of text."""


class TensorboardTracker:
    """Writes event files. Metrics of candidates are curves over the numbers of the candidates.

    Args:
        place: the directory below which each run has a folder with its id as name.
    """

    name = "tensorboard"

    def __init__(self, place: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._place = Path(place).expanduser().absolute()
        self._new = SummaryWriter
        self._open: SummaryWriter | None = None

    def begin(self, run: Run) -> None:
        """Open a further event file in the folder of the run."""
        self._close()
        self._open = self._new(str(self._place / run.id))
        facts = {"kind": run.kind, "name": run.name, **run.parameters}
        self._writer.add_text("parameters", _table(facts))

    def outcome(self, outcome: Outcome) -> None:
        """Write the metrics of a candidate, and its genome, seed and failure as text, at its number."""
        for name, value in outcome.metrics.items():
            self._writer.add_scalar(f"candidate/{name}", value, outcome.number)
        shown = {name: getattr(outcome, name) for name in TEXTS}
        self._writer.add_text("candidate", _table(shown), outcome.number)
        self._writer.flush()

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Write a point of each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def export(self, name: str, address: str) -> None:
        """Write the address as text."""
        self._writer.add_text(f"export/{name}", address)

    def end(self, state: State) -> None:
        """Write the state as text and close the event file."""
        self._writer.add_text("state", state)
        self._close()

    @property
    def _writer(self) -> SummaryWriter:
        if self._open is None:
            raise RuntimeError("no run has begun")
        return self._open

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _table(facts: Mapping[str, object]) -> str:
    """Return a table in Markdown, in which TensorBoard shows texts."""
    rows = (f"| {name} | {str(value).replace('|', '&#124;')} |" for name, value in facts.items() if value != "")
    return "\n".join(("| | |", "|---|---|", *rows))
