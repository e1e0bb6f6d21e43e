"""What may end the work on a job before its search is over, and what follows from it.

Exception
├── PlanFault         the plan or what is stored of the search is not legal: the job fails
├── EnvironmentFault  what every job needs is not there, such as Ray: the job is put off until it is
└── any other         an error of this program: the job is put off a few times, then it fails

A failed job can be resumed in each case. The database and the store of artifacts raise errors of their own, which
count as faults of the environment.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import NamedTuple

from evaluator.artifacts import ArtifactError
from search.archive.schema.engine import UNAVAILABLE

ERRORS = 5
"""Times in a row that an error of this program puts a job off; the next one fails it."""

WHY_CHARACTERS = 500


class PlanFault(Exception):  # noqa: N818 -- a fault, as the module says
    """The plan, or what is stored of the search, is not legal."""


class EnvironmentFault(Exception):  # noqa: N818 -- a fault, as the module says
    """Something is missing that no plan is to blame for."""


class Kind(Enum):
    """The kind of a fault, which decides what becomes of the job."""

    PLAN = auto()
    ENVIRONMENT = auto()
    ERROR = auto()


def kind_of(error: BaseException) -> Kind:
    """Return the kind of the fault that an exception reports."""
    if isinstance(error, PlanFault):
        return Kind.PLAN
    known = isinstance(error, (EnvironmentFault, ArtifactError, OSError, MemoryError, *UNAVAILABLE))
    return Kind.ENVIRONMENT if known else Kind.ERROR


def why_of(error: BaseException) -> str:
    """Return one line for people about a fault. What SQLAlchemy adds, such as the statement, is left out."""
    if isinstance(error, UNAVAILABLE):
        cause = getattr(error, "orig", None) or error
        text = f"the database does not answer: {cause}"
    elif isinstance(error, (PlanFault, EnvironmentFault, ArtifactError)):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    line = " ".join(text.split())
    return line if len(line) <= WHY_CHARACTERS else line[: WHY_CHARACTERS - 3] + "..."


@contextmanager
def plan_checked() -> Iterator[None]:
    """Turn a ValueError in the block into a fault of the plan."""
    try:
        yield
    except ValueError as error:
        raise PlanFault(str(error)) from error


@contextmanager
def evaluator_needed() -> Iterator[None]:
    """Turn an exception in the block into a fault of the environment.

    An evaluator returns what goes wrong with a candidate as an outcome, so an exception is about the evaluator itself.
    """
    try:
        yield
    except Exception as error:  # Ray and the system raise errors of many kinds
        raise EnvironmentFault(f"the evaluator does not work: {type(error).__name__}: {error}") from error


class Pauses(NamedTuple):
    """The seconds for which a job is put off: each pause is twice as long as the one before.

    A pause varies by a quarter, so that jobs which the same fault put off do not come back at the same moment.
    """

    first: float = 2.0
    longest: float = 300.0

    def after(self, faults: int) -> float:
        """Return the pause after so many faults since the last outcome, the present one included."""
        doubled = self.first * 2.0 ** min(faults - 1, 30)
        return min(doubled, self.longest) * random.uniform(0.75, 1.25)  # noqa: S311 -- nothing secret


PAUSES = Pauses()
"""The pauses of a runner that is given no others."""
