"""Write docs/objectives.md from the declarations of metrics: `python docs/write_objectives.py`."""

from pathlib import Path

from evaluator.metrics import Metric
from evaluator.tasks.registry import metrics, tasks

PAGE = Path(__file__).with_name("objectives.md")

INTRODUCTION = """# Objectives and limits

`python docs/write_objectives.py` writes this page from `evaluator/metrics/` and the tasks; a test compares the two.

A plan names up to four metrics as `objectives`, and limits on metrics as `constraints`:

```json
{"objectives": ["bits_per_byte", "cache_bytes"],
 "constraints": [{"metric": "parameters", "at_most": 2e6}, {"metric": "state_bytes", "at_least": 1e3, "at_most": 1e5}]}
```

On the command line: `star submit --set 'constraints=[{"metric": "state_bytes", "at_least": 1e3}]'`.

Every objective is minimised. A task whose score grows with quality, such as an accuracy, reports the error instead, so
that searches, the API and the pages compare all values in one way.

A constraint has `at_most`, `at_least` or both, positive numbers in the unit of its metric. A candidate that breaks one
is recorded but is not on the frontier. Its violation is the sum over the constraints of value / `at_most` - 1 or
1 - value / `at_least`, whichever is positive. Static metrics are exact before training, so a genome that breaks a limit
on one is discarded without training, unless it is a baseline.

## What is measured on request

Some metrics cost time of their own, so they are measured only of the candidates of a plan that names them: as an
objective, in a constraint, or in `"measure": ["prefill_ms", "decode_peak_bytes"]`. The last column of the table marks
them. Every training measures them anew, on each rung and for each seed; on several tasks, that of the model whose costs
are reported.

**Times.** A round reads a prompt of `context` tokens of the validation set, once to warm up and five times for
`prefill_ms`, and decodes 8 tokens to warm up and 120 for `decode_p50_ms` and `decode_p95_ms`. `<metric>_stderr` is
the standard error: of a median that of a normal sample with the same median absolute deviation, of the percentile
that of a bootstrap. A round is wide if the standard error of a median exceeds 5 % of it; it is then measured again,
in at most three rounds, and the narrowest one counts. A worker computes on one thread.

**The quiet slot.** A round has the machine for itself: no training of this user goes on beside it there. Trainings
look between their steps whether a measurement waits, and stop until it is over; their waiting counts in
`budget.seconds` and not in `train_seconds`. A measurement waits for at most 60 seconds for trainings to stop and a
training for at most 180 for measurements to end, so that a process that hangs stops nobody for good. `execution` of a
training has `quiet`: false if a training did not stop. The slot is two locked files in the folder of temporary files,
which the kernel frees when a process dies. Programs that are no trainings are not seen; the spread tells.

**Peak memory.** A fresh process builds the architecture and does the work once: it reads a prompt of `context` tokens
and decodes 8 (`decode_peak_bytes`), or takes two training steps with a batch of the budget on random tokens
(`train_peak_bytes`). On a CPU the peak is the growth of its resident set (Linux with glibc), weights in float32
included; elsewhere a candidate that must report it fails. On a GPU it is the most that PyTorch's tensors held, which
has not been run.

**Effective state size.** The entropy-ESS of [Parnichkun et al. 2025](https://arxiv.org/abs/2504.19561) of the trained
model, the mean over its operators with a memory, on up to 128 validation tokens. It says how a candidate works and
not how good it is, so it may have limits but is no objective.

**Signals.** Three numbers of the fresh model, on one training batch: `gradient_norm` (Abdelfattah et al. 2021),
`synflow` (Tanaka et al. 2020; in float64, with every embedded token replaced by ones) and `gradsign` (Zhang and Jia
2022). They are said to foretell quality. Nothing in a search depends on them: they are neither objectives nor
limited, and no algorithm reads them. `GET /v1/jobs/ID/signals` and the page of a search show Spearman's and Kendall's
correlation of each with the first objective that is not exact, positive where a larger signal goes with a better
candidate. The intervals of 95 % are Fisher's for Spearman's and the bootstrap's for Kendall's, on at most 1,000
candidates. A signal that is not finite is left out, and `synflow` is negative where a filter falls with its
parameters.

"""
COLUMNS = ("metric", "kind", "unit", "better", "what it is", "on request")

TABLE = """## All metrics

"""


def page() -> str:
    """Return the whole page as Markdown."""
    head = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"
    return INTRODUCTION + TABLE + head + "".join(map(line, metrics().values()))


def line(metric: Metric) -> str:
    """Return the row of a metric."""
    scored = ", ".join(f"`{task.name()}`" for task in tasks() if task.metric.name == metric.name)
    meaning = metric.description or f"score of {scored}"
    asked = "yes" if metric.on_request else ""
    return f"| `{metric.name}` | {metric.kind} | {metric.unit} | {metric.better} | {meaning} | {asked} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
