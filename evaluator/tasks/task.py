"""The declaration of a task: everything the search, the API and the dashboard know of it.

A task is one file with a subclass of `Task`, and one row in `evaluator.tasks.registry.BUILT_IN`. Its fields, with
bounds and descriptions, are those of the pydantic model. The plan, the JSON schema, the form of the dashboard and
the hypervolume reference derive from the declaration. The file imports torch inside functions only, because the
command line reads plans without loading torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from evaluator.budget import Budget
from evaluator.metrics import COSTS, ON_REQUEST, PERPLEXITY, Metric
from evaluator.value import Value

if TYPE_CHECKING:
    from torch import nn

    from evaluator.tasks.loaded import LoadedTask
    from star import Backbone


class Task(Value, ABC):
    """What candidates are trained on. Every field has a default.

    A subclass narrows `kind` to the one literal that names the task in plans.

    Attributes:
        title: the name of the task for people.
        summary: one line on what a model does in this task.
        brief: one task in a few words; a field's name in braces stands for its value.
        metric: the metric of a trained model's score.
        vocabulary: the number of different tokens, or the name of the field that holds it.
    """

    kind: str

    title: ClassVar[str]
    summary: ClassVar[str]
    brief: ClassVar[str]
    metric: ClassVar[Metric]
    vocabulary: ClassVar[int | str]

    @classmethod
    def name(cls) -> str:
        """The value of `kind` that selects this class."""
        return str(cls.model_fields["kind"].default)

    def metrics(self) -> tuple[Metric, ...]:
        """The metrics an evaluation may report: the scores first, then the costs, then what is measured on request."""
        return (*self.scores, *COSTS, *ON_REQUEST)

    @property
    def scores(self) -> tuple[Metric, ...]:
        """The metrics of a trained model's scores; the first one is `metric`, if it is reported at all."""
        return (self.metric,) if self.metric.base is None else (self.metric, PERPLEXITY)

    @property
    def chances(self) -> dict[str, float]:
        """The scores of a model that has learnt nothing, by name."""
        base, chance = self.metric.base, {self.metric.name: self.chance}
        return chance if base is None else {**chance, PERPLEXITY.name: base**self.chance}

    @property
    def vocab(self) -> int:
        """The number of different tokens, or of the values that are predicted at each step of a real input."""
        return getattr(self, self.vocabulary) if isinstance(self.vocabulary, str) else self.vocabulary

    def read_tokenizer(self) -> bytes | None:
        """Return the JSON of the tokenizer that made the tokens; None where there is none, or where it is gone."""
        return None

    @property
    def licence(self) -> str:
        """The licence of the data as an SPDX expression; empty where it is not known or the data are drawn."""
        return ""

    @property
    def channels(self) -> int:
        """The number of real values of a step of the input; 0 where the input is tokens."""
        return 0

    @property
    @abstractmethod
    def chance(self) -> float:
        """The metric of a model that has learnt nothing, which bounds the hypervolume. Positive and finite."""

    def require_fit(self, budget: Budget) -> None:
        """Check the task against the budget it is trained with.

        Raises:
            FieldError: they do not fit together; the error has the field's path in the plan.
        """

    def permitted(self, corpora: Sequence[Path]) -> Self:
        """Check the task against the files the operator allows, and return it with paths resolved.

        Args:
            corpora: directories whose files, and the files of all directories below, a task may read.

        Raises:
            FieldError: the task names a file that may not be read; the error has the field's path in the plan.
        """
        return self

    def around(self, backbone: Backbone, budget: Budget, seed: int) -> nn.Module:
        """Return the module that is trained and scored in place of an architecture: mostly the architecture itself.

        Parameters, cache and weights that are reported are those of the architecture alone. Imports torch.
        """
        return backbone

    @abstractmethod
    def load(self, budget: Budget) -> LoadedTask:
        """Prepare the data for training with this budget. Imports torch.

        Raises:
            ValueError: the data do not suffice for the budget; the message names the field and its bounds.
        """
