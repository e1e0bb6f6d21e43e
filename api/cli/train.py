"""The command that trains one genome on one task."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.output import FAILED, INTERRUPTED, AsJson, duration, fail, measured, reason, scaled, show_facts, show_json
from api.cli.overrides import plan_changes

if TYPE_CHECKING:
    from api.training_report import TrainingReport
    from evaluator.train import Training

app = typer.Typer()

LINE_SECONDS = 5.0
"""Seconds between two lines of progress where no terminal overwrites them."""

BARS = "▁▂▃▄▅▆▇█"
BARS_SHOWN = 60


@app.command()
def train(
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where checkpoints and the model are written.")],
    genome: Annotated[str | None, typer.Argument(metavar="[GENOME]", help="The genome to train.")] = None,
    task: Annotated[str | None, typer.Option(help="The kind of the task; its fields by --set task.NAME=VALUE.")] = None,
    preset: Annotated[str | None, typer.Option(help="The plan to start from; `laptop` if not given.")] = None,
    plan: Annotated[
        str | None, typer.Option(help="JSON file of changes to the preset; - reads standard input.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one field, as in budget.steps=50.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and the batches.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in the folder; it keeps its genome and settings.")
    ] = False,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Seconds between two checkpoints.")] = 60.0,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Report to a tracker, as in mlflow:FOLDER, tensorboard:FOLDER, wandb:PROJECT."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train one genome on one task, measure it as a search does, and export it; Ctrl-C keeps its state.

    Under torchrun several processes train it together.
    """
    from api import training
    from api.training_report import TrainingReport
    from evaluator.parallel.ranks import Ranks
    from search.tracking import trackers

    ranks = Ranks.of_environment()
    changes = plan_changes(plan, change or [])
    if task is not None:
        changes["task"] = {"kind": task} | changes.get("task", {})
    if seed:
        changes["seed"] = seed
    if resume == (genome is not None) or (resume and (changes or preset)):
        fail("give a GENOME and its settings, or --resume without them")
    try:
        tracked = trackers(track or []) if ranks.rank == 0 else []
        asked = training.begun(to) if resume else training.plan_of(str(genome), preset or "laptop", changes)
        if not resume and ranks.rank == 0:
            training.begin(to, asked)
        report = TrainingReport(to, asked, tracked, resume)
    except (ValueError, OSError) as error:
        fail(reason(error))
    shown = ranks.rank == 0
    progress = _Progress(asked.budget.batch * asked.budget.length, checkpoint_seconds, report, shown=shown)
    try:
        with progress.stopping():
            evaluation = training.train(to, asked, progress, ranks)
    except KeyboardInterrupt:
        progress.end()
        report.interrupt()
        if ranks.rank:
            raise typer.Exit(INTERRUPTED) from None
        fail(f"stopped at step {progress.step:,}; `star train --resume --to {to}` goes on from there", INTERRUPTED)
    progress.end()
    report.end(evaluation)
    found = training.document(asked, evaluation)
    if as_json and ranks.rank == 0:
        show_json(found)
    if evaluation.failure is not None:
        of = "" if ranks.alone else f" in process {ranks.rank} of {ranks.size}"
        fail(f"the training failed{of}: {evaluation.failure}: {evaluation.detail}", FAILED)
    if not as_json and ranks.rank == 0:
        _show(found, to)


class _Progress:
    """The line of progress on standard error, which also hears of Ctrl-C.

    A first signal stops the training between two steps, so that what is saved is whole; a second one at once.

    Args:
        tokens: tokens of a step.
        checkpoint_seconds: seconds between two checkpoints.
        report: passes on what trackers are told.
        shown: whether the line is written.
    """

    def __init__(self, tokens: int, checkpoint_seconds: float, report: TrainingReport, *, shown: bool = True) -> None:
        self._quiet = not shown
        self.checkpoint_seconds = checkpoint_seconds
        self._report = report
        self.step = 0
        self._tokens = tokens
        self._stopped = False
        self._live = shown and sys.stderr.isatty()
        self._shown = 0.0
        self._last: tuple[int, float] | None = None

    def __call__(self, training: Training, end: int) -> bool:
        self.step = training.step
        self._report.seen(training)
        now = time.monotonic()
        if self._live or (not self._quiet and now - self._shown >= LINE_SECONDS):
            self._shown = now
            typer.echo(("\r" if self._live else "") + self._line(training, end), err=True, nl=not self._live)
        self._last = training.step, training.seconds
        return self._stopped

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Stop the training at a signal, inside the block."""
        before = {sign: signal.signal(sign, self._stop) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def end(self) -> None:
        """End a line that was overwritten."""
        if self._live:
            typer.echo(err=True)

    def _stop(self, sign: int, frame: FrameType | None) -> None:
        if self._stopped:
            raise KeyboardInterrupt
        self._stopped = True

    def _line(self, training: Training, end: int) -> str:
        step, seconds = self._last or (0, 0.0)
        rate = (training.step - step) * self._tokens / max(training.seconds - seconds, 1e-9)
        left = duration((end - training.step) * self._tokens / rate)
        return (
            f"step {training.step:,}/{end:,}  loss {fmean(training.losses):.3f} nats  "
            f"{scaled(rate)} tokens/s  {left} left  "
        )


def _show(found: dict[str, Any], folder: Path) -> None:
    names = [name for name in found["metrics"] if not name.endswith("_stderr")]
    show_facts((name, measured(name, found["metrics"])) for name in names)
    losses = [loss for _, loss in found["curve"]]
    typer.echo(f"\ntraining loss in nats, {losses[0]:.3f} to {losses[-1]:.3f}\n{bars(losses)}")
    typer.echo(f"\nthe model is in {folder}: star.load({str(folder)!r})")


def bars(values: list[float]) -> str:
    """Draw values as a row of bars between the smallest and the largest."""
    shown = [values[n * len(values) // BARS_SHOWN] for n in range(BARS_SHOWN)] if len(values) > BARS_SHOWN else values
    low, high = min(shown), max(shown)
    size = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * size)] for value in shown)
