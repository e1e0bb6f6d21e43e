"""The registry of tasks: clashes of names are refused, declarations are complete, and plans are read without torch."""

import subprocess
import sys
from typing import ClassVar, Literal

import pytest

from evaluator.metrics import Metric, MetricKind
from evaluator.tasks.recall import RecallTask
from evaluator.tasks.registry import BUILT_IN, metrics, register, task_of, tasks
from evaluator.tasks.text import TextTask


class OtherText(TextTask):
    """Another task that calls itself text."""


class OtherScore(RecallTask):
    """A task whose metric has the name, but not the meaning, of another task's."""

    kind: Literal["other"] = "other"  # type: ignore[assignment]  # a task derived from another one narrows its kind
    metric: ClassVar[Metric] = Metric("bits_per_byte", "Bits", MetricKind.TRAINED, "fewer")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (OtherText, "'text' is taken twice: by TextTask and by OtherText"),
        (OtherScore, "'bits_per_byte' is declared twice: as .*Bits per byte.* and as .*Bits"),
    ],
)
def test_a_name_that_is_taken_is_refused_naming_both_sides_and_nothing_changes(task, message):
    before = tasks(), metrics()
    with pytest.raises(ValueError, match=message):
        register(task)
    assert (tasks(), metrics()) == before


def test_registering_a_task_again_changes_nothing():
    register(TextTask)
    assert tasks() == BUILT_IN


def test_an_unknown_kind_is_refused_with_the_legal_ones():
    assert task_of("recall") is RecallTask
    with pytest.raises(ValueError, match="'vision' is unknown; legal: text, recall, tokens, dna, series"):
        task_of("vision")


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.name())
def test_every_task_declares_all_that_is_shown_of_it(task):
    built = task()
    assert task.model_json_schema()["properties"]["kind"]["const"] == task.name()
    assert all(field.description for name, field in task.model_fields.items() if name != "kind")
    assert task.title
    assert task.summary
    assert task.brief.format(**built.model_dump()) != ""
    assert built.vocab > 1
    assert built.chance > 0
    assert task.metric.kind is MetricKind.TRAINED


def test_plans_are_read_without_loading_torch():
    program = "import sys, search.plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
