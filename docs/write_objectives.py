"""Write docs/objectives.md from the declarations of metrics: `python docs/write_objectives.py`."""

from pathlib import Path

from evaluator.metrics import Metric
from evaluator.tasks.registry import metrics, tasks

PAGE = Path(__file__).with_name("objectives.md")

INTRODUCTION = """# Objectives and limits

`python docs/write_objectives.py` writes this page from `evaluator/metrics.py` and the tasks; a test compares the two.

A plan names up to four metrics as `objectives`, and limits on metrics as `constraints`:

```json
{"objectives": ["bits_per_byte", "cache_bytes"],
 "constraints": [{"metric": "parameters", "at_most": 2e6}, {"metric": "state_bytes", "at_least": 1e3, "at_most": 1e5}]}
```

Every objective is minimised. A task whose score grows with quality, such as an accuracy, reports the error instead, so
that searches, the API and the pages compare all values in one way.

A constraint has `at_most`, `at_least` or both, positive numbers in the unit of its metric. A candidate that breaks one
is recorded but is not on the frontier. Its violation is the sum over the constraints of value / `at_most` - 1 or
1 - value / `at_least`, whichever is positive. Static metrics are exact before training, so a genome that breaks a limit
on one is discarded without training, unless it is a baseline.

"""
COLUMNS = ("metric", "kind", "unit", "better", "what it is")


def page() -> str:
    """Return the whole page as Markdown."""
    head = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"
    return INTRODUCTION + head + "".join(map(line, metrics().values()))


def line(metric: Metric) -> str:
    """Return the row of a metric."""
    scored = ", ".join(f"`{task.name()}`" for task in tasks() if task.metric.name == metric.name)
    meaning = metric.description or f"score of {scored}"
    return f"| `{metric.name}` | {metric.kind} | {metric.unit} | {metric.better} | {meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
