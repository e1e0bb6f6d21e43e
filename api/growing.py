"""The training of a genome at another width and depth, planned from the training of a smaller model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from api.costs import cost_of, open_space
from api.training import FIELDS, RESULT, SETTINGS, plan_of, settings_in
from evaluator.metrics import LEARNING_RATE
from genome import Genome, Growth, Segment, Shape, Space, decode, encode, grown
from search.plan import Plan
from search.plan.presets import overlaid

DESCRIPTION = "genome.json"
DEFAULT_PRESET = "laptop"

SIZES = ("width", "head_dim")
"""The fields that say how large the model of a folder is, and so are facts of it."""


class Larger(NamedTuple):
    """The size of the model that is planned.

    Attributes:
        width: channels of its residual stream; None for as many as before.
        head_dim: channels of a head; None for as many as before.
        copies: copies of each LIV; with `depth` None.
        depth: LIVs, a multiple of those before; None for as many as `copies` make.
        growth: the order of the copies.
    """

    width: int | None = None
    head_dim: int | None = None
    copies: int = 1
    depth: int | None = None
    growth: Growth = Growth.REPEAT


class Small(NamedTuple):
    """The training that is grown.

    Attributes:
        genome: its genome, of classes of the catalogue.
        settings: those of `FIELDS` that are known.
        rate: the learning rate that it chose by trial; None if it had no choice, or its outcome is not known.
    """

    genome: str
    settings: dict[str, Any]
    rate: float | None = None


def plans(source: str, preset: str | None, changes: Mapping[str, Any], larger: Larger) -> tuple[Plan, Plan]:
    """Return the plan of the smaller training and that of the larger one.

    Args:
        source: a genome, or a folder that `star train` or an export has written.
        preset: the settings of a genome, to which `changes` are made; a folder has its own.
        changes: fields that differ from these settings.

    Raises:
        ValueError: the source, a field or a size is not legal; the message names the legal ones.
        OSError: the folder cannot be read.
    """
    folder = Path(source)
    if not folder.is_dir():
        small = plan_of(source, preset or DEFAULT_PRESET, changes)
        return small, _larger(small, None, changes, larger)
    if preset is not None:
        raise ValueError("a preset is for a genome; a folder has settings of its own")
    for name in SIZES:
        if name in changes:
            raise ValueError(f"the model in {folder} has its {name}; the larger one's is --{name.replace('_', '-')}")
    found = _in(folder)
    small = plan_of(found.genome, DEFAULT_PRESET, overlaid(found.settings, dict(changes)))
    return small, _larger(small, found.rate, changes, larger)


def document(folder: Path, small: Plan, large: Plan) -> dict[str, Any]:
    """Return both sizes, their costs and the learning rates as JSON."""
    return {
        "folder": str(folder),
        "weights": "fresh",
        "before": _size(small),
        "after": _size(large),
        "budget": large.budget.model_dump(mode="json"),
        "rate_factors": _rate_factors(large),
    }


def _larger(small: Plan, rate: float | None, changes: Mapping[str, Any], larger: Larger) -> Plan:
    blueprint = decode(Genome.parse(small.genomes[0]), small.liv_space)
    each = len(blueprint.livs)
    copies = larger.copies if larger.depth is None else larger.depth // each
    if larger.depth is not None and (larger.depth % each or not copies):
        raise ValueError(f"depth must be a multiple of the {each} LIVs of the genome, not {larger.depth}")
    deeper = grown(blueprint, copies, larger.growth)
    names = [row.name for row in small.liv_space.classes]
    text = str(encode(deeper, Space.of(names, depth=deeper.depth, groups=deeper.depth)))
    width = larger.width or small.width
    settings = {name: small.model_dump(mode="json")[name] for name in FIELDS}
    asked = changes.get("budget", {})
    budget = settings["budget"] | {"base_width": small.budget.base_width}
    if "seconds" not in asked:
        del budget["seconds"]  # a limit for the smaller model says nothing about the larger one
    if width != small.width:
        budget["base_width"] = small.budget.base_width or small.width
    if rate is not None and small.budget.rates and "rates" not in asked:
        budget |= {"learning_rate": rate, "rates": []}
    sizes = {"width": width, "head_dim": larger.head_dim or small.head_dim}
    return plan_of(text, DEFAULT_PRESET, settings | sizes | {"budget": budget})


def _in(folder: Path) -> Small:
    """Read the training in a folder: its settings if `star train` has written it, or else what its export tells."""
    if (folder / SETTINGS).exists():
        plan = settings_in(folder)
        settings = {name: plan.model_dump(mode="json")[name] for name in FIELDS}
        metrics = _json(folder / RESULT).get("metrics", {}) if (folder / RESULT).exists() else {}
        return Small(plan.genomes[0], settings, metrics.get(LEARNING_RATE.name))
    described = _json(folder / DESCRIPTION)
    try:
        shape, facts = Shape.from_json(described["shape"]), described["facts"]
        text = _in_catalogue(Genome.parse(described["genome"]), Space.from_json(described["space"]))
        settings = {name: facts[name] for name in ("budget", "task", "seed") if name in facts}
        rate = facts.get("metrics", {}).get(LEARNING_RATE.name)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / DESCRIPTION} describes no model: {type(error).__name__}: {error}") from None
    settings |= {"width": shape.width, "head_dim": shape.head_dim, "window": shape.window}
    return Small(text, settings, rate)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file.parent} holds neither {SETTINGS} nor {DESCRIPTION}") from None
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{file} is not a JSON object")
    return found


def _in_catalogue(genome: Genome, space: Space) -> str:
    """Return the genome in the numbers of the catalogue, which a search may have extended by classes of its own."""
    catalogue = open_space(space.depth)

    def number(segment: Segment) -> Segment:
        if segment.liv_class == 0:
            return segment
        row = space[segment.liv_class]
        like = catalogue.like(row, space.featurizer(row))
        if like is None:
            raise ValueError(f"class {row.id} {row.name} is not in the catalogue, whose classes alone can be trained")
        return segment._replace(liv_class=like)

    decode(genome, space)
    return str(Genome(tuple(map(number, genome.segments))))


def _size(plan: Plan) -> dict[str, Any]:
    blueprint = decode(Genome.parse(plan.genomes[0]), plan.liv_space)
    cost = cost_of(blueprint, plan.shape, plan.context)
    cost.pop("livs")
    sizes = {"genome": plan.genomes[0], "livs": len(blueprint.livs), "width": plan.width, "head_dim": plan.head_dim}
    return sizes | cost


def _rate_factors(plan: Plan) -> dict[str, float]:
    """Return by what the learning rate is multiplied: of weights whose fan-in grows, and of hidden matrices."""
    from evaluator.optimizers.table import OPTIMIZERS  # imports torch

    row, ratio = OPTIMIZERS[plan.budget.optimizer], (plan.budget.base_width or plan.width) / plan.width
    matrix_power = row.width_power if row.matrix_power is None else row.matrix_power
    return {"weights": ratio**row.width_power, "matrices": ratio**matrix_power}
