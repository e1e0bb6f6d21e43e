"""The port of trackers: what is reported, as plain values, and the protocol that every tracker has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Parameter = str | int | float | bool

State = Literal["succeeded", "failed", "cancelled", "interrupted"]
"""How reporting on a run ends; one that was interrupted may be gone on with, by this process or another."""


@dataclass(frozen=True)
class Run:
    """A search, or a training of one genome.

    Attributes:
        id: letters, digits and `-`; the same whenever the run is gone on with.
        kind: `search` or `training`.
        name: a name for people to read, which may be empty.
        parameters: the fields of its plan, such as `budget.steps`.
    """

    id: str
    kind: Literal["search", "training"]
    name: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one training of a candidate.

    Attributes:
        number: the number of the candidate in its search.
        genome: its text form.
        seed: the seed of the training.
        tokens: the tokens of the training.
        purpose: the purpose of the training, a value of `search.origin.Purpose`.
        metrics: values by name, standard errors under `<name>_stderr`; empty after a failure.
        failure: the reason of a failure in a word, or an empty text.
        detail: the reason in a sentence.
    """

    number: int
    genome: str
    seed: int
    tokens: int
    purpose: str
    metrics: Mapping[str, float]
    failure: str = ""
    detail: str = ""


class Tracker(Protocol):
    """Takes the reports on one run after another, all in one thread. Any method may raise or take long.

    A run begins with `begin` and ends with `end`, after which another one, or the same again, may begin.
    """

    @property
    def name(self) -> str:
        """The name of the kind of tracker, such as `mlflow`."""
        ...

    def begin(self, run: Run) -> None:
        """Begin a run, or go on with the run that has this id."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Take the outcome of a training of a candidate."""
        ...

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Take values of the run itself at a step: outcomes so far in a search, training steps in a training."""
        ...

    def export(self, name: str, address: str) -> None:
        """Take the address of a trained model: a URL of a file or of a folder."""
        ...

    def end(self, state: State) -> None:
        """End the reports on the run, for good unless it was interrupted."""
        ...
