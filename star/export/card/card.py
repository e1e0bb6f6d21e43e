"""A model card in Markdown, from an exported model and the facts that are told beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from star.export.card.markdown import escaped, flat, table
from star.export.card.picture import picture
from star.export.exported import Exported

README_FILE, PICTURE_FILE = "README.md", "frontier.svg"

ERROR = "_stderr"
"""The standard error of a metric stands under its name followed by this."""

MOST_ROWS = 30
"""Candidates of the frontier that are listed."""

PLACES = {
    "Origin": ("job", "name", "candidate", "parents", "variation", "baseline", "inherited", "digest", "weights"),
    "Task": ("task", "data_licence"),
    "Training": ("tokens", "seeds", "seed", "search_seed", "budget"),
}
"""The facts by the section in which they are told. All others are told at the end."""

APART = ("metrics", "measures", "frontier")
"""Facts that have a form of their own."""


def write(exported: Exported, folder: Path, use: str) -> None:
    """Write README.md and, if a frontier is among the facts, its picture frontier.svg.

    Args:
        use: Markdown that says how to load the model.
    """
    drawn = picture(exported.facts)
    (folder / README_FILE).write_text(_text(exported, use, drawn is not None), encoding="utf-8")
    if drawn is not None:
        (folder / PICTURE_FILE).write_text(drawn, encoding="utf-8")


def _text(exported: Exported, use: str, drawn: bool) -> str:
    facts, model = exported.facts, exported.model
    told = {name for names in PLACES.values() for name in names} | set(APART)
    rest = {name: value for name, value in facts.items() if name not in told}
    sections = {
        "Use": use,
        "Architecture": _architecture(exported),
        "Metrics": _metrics(facts),
        "Frontier": f"![The frontier of the search]({PICTURE_FILE})\n\n{_frontier(facts)}" if drawn else "",
        **{title: _facts({name: facts[name] for name in names if name in facts}) for title, names in PLACES.items()},
        "Further facts": _facts(rest),
    }
    parameters, shape = sum(parameter.numel() for parameter in model.parameters()), model.shape
    what = f"from {shape.channels} to {shape.vocab} values a step" if shape.channels else f"over {shape.vocab} tokens"
    head = f"# {exported.genome}\n\nA sequence model of {parameters:,} parameters {what}, found by STAR.\n"
    return head + "".join(f"\n## {title}\n\n{text.strip()}\n" for title, text in sections.items() if text.strip())


def _architecture(exported: Exported) -> str:
    livs = exported.model.blueprint.livs
    rows = [(n, liv.liv_class.name, liv.liv_class.description) for n, liv in enumerate(livs)]
    sizes = ", ".join(f"{name} {value}" for name, value in exported.shape.to_json().items())
    return f"{table(('position', 'LIV', 'what it is'), rows)}\n\nSizes: {escaped(sizes)}."


def _metrics(facts: Mapping[str, Any]) -> str:
    metrics, measures = _object(facts.get("metrics")), _object(facts.get("measures"))
    names = [name for name in metrics if not name.endswith(ERROR)]
    rows = []
    for name in names:
        measure = _object(measures.get(name))
        what = ". ".join(str(measure[key]) for key in ("label", "description") if measure.get(key))
        rows.append((name, metrics[name], metrics.get(name + ERROR, ""), measure.get("unit", ""), what))
    if not rows:
        return ""
    return f"{table(('metric', 'value', 'standard error', 'unit', 'what it is'), rows)}\n\n{_measured_on(facts)}"


def _measured_on(facts: Mapping[str, Any]) -> str:
    task = _object(facts.get("task")).get("kind")
    data = f"the validation data of the task {escaped(task)}" if isinstance(task, str) else "held-out data"
    seeds, tokens = facts.get("seeds", 1), facts.get("tokens")
    after = f" after {tokens:,} tokens of training" if type(tokens) is int else ""
    if type(seeds) is int and seeds > 1:
        return (
            f"Scores are means over {seeds} trainings with different seeds, of which one gave these weights, on "
            f"{data}{after}. A standard error is the larger of that over the seeds and that over the sequences."
        )
    return (
        f"Scores are those of these weights on {data}{after}. Standard errors are over its sequences, not over seeds."
    )


def _frontier(facts: Mapping[str, Any]) -> str:
    found = facts["frontier"]
    names = [str(name) for name in found["objectives"]]
    own = facts.get("candidate")
    marked = f" Candidate {own} is this model." if type(own) is int else ""
    shown = sorted(found["candidates"], key=lambda one: one["candidate"] != own)[:MOST_ROWS]
    rows = [(one["candidate"], *one["values"]) for one in shown]
    left = len(found["candidates"]) - len(shown)
    more = f"\n\n{left} more are in genome.json." if left else ""
    said = f"The candidates that no other one dominates.{marked}"
    return f"{said}\n\n{table(('candidate', *map(escaped, names)), rows)}{more}"


def _facts(facts: Mapping[str, Any]) -> str:
    return table(("name", "value"), [(name, value) for name, value in flat(facts) if name and value not in ("", None)])


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
