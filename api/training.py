"""One training of one genome in a folder of its own, by the loop of the search.

The folder holds `training.json`, the genome and its plan; `checkpoints/`, until the training ends; then the export that
`star.load` reads, and `evaluation.json`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.costs import open_space
from api.web.exports.facts import measures
from evaluator.metrics import PARAMETERS
from genome import Genome, Space, decode
from search.plan import Plan
from search.plan.presets import merged

if TYPE_CHECKING:
    from evaluator.evaluation import Evaluation, Request
    from evaluator.execution import Follower
    from evaluator.parallel.ranks import Ranks

SETTINGS, RESULT, CHECKPOINTS, EXPORTING = "training.json", "evaluation.json", "checkpoints", "exporting"

FIELDS = ("budget", "context", "head_dim", "seed", "task", "width", "window")
"""The fields of a plan that say something about one training."""

NO_LIMIT = 1e7
"""Seconds that a training may take, unless its plan sets fewer."""


def plan_of(text: str, preset: str, changes: Mapping[str, Any]) -> Plan:
    """Return the plan of a search that trains this genome alone.

    Args:
        preset: the name of the plan to start from.
        changes: the fields that differ from it.

    Raises:
        ValueError: the genome, the preset, a field or its value is not legal; the message names the legal ones.
    """
    for name in changes:
        if name not in FIELDS:
            raise ValueError(f"a training has no field {name}; legal: {', '.join(FIELDS)}")
    depth = len(Genome.parse(text).segments)
    names = {liv.liv_class.name for liv in decode(Genome.parse(text), open_space(depth)).livs}
    alone = {
        "space": {"classes": sorted(names) or None, "depth": depth, "allow_skip": True, "groups": depth},
        "genomes": [text],
        "baselines": False,
        "objectives": [PARAMETERS.name],
        "constraints": [],
        "rungs": {"tokens": []},
        "candidates": 1,
    }
    changes = dict(changes)
    changes["budget"] = {"seconds": NO_LIMIT} | changes.get("budget", {})
    return merged(preset, changes | alone)


def begin(folder: Path, plan: Plan) -> None:
    """Make the folder of a training.

    Raises:
        ValueError: the folder has files already.
        OSError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; name another folder, or go on with --resume")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / SETTINGS, plan.model_dump(mode="json"))


def begun(folder: Path) -> Plan:
    """Return the plan of a training that was begun in a folder and has not ended.

    Raises:
        ValueError: there is none.
    """
    try:
        plan = settings_in(folder)
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} holds no training that can be gone on with: {error}") from None
    if (folder / RESULT).exists():
        raise ValueError(f"the training in {folder} has ended")
    return plan


def settings_in(folder: Path) -> Plan:
    """Return the plan of the training in a folder, whether it has ended or not.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no plan.
    """
    return Plan.model_validate_json((folder / SETTINGS).read_text(encoding="utf-8"))


def request_of(folder: Path, plan: Plan) -> Request:
    """Return the request of the training in this folder."""
    from evaluator.evaluation import Request, Store

    return Request(
        candidate=1,
        attempt=1,
        genome=plan.genomes[0],
        space=_space(plan).to_json(),
        shape=plan.shape,
        task=plan.task,
        budget=plan.budget,
        context=plan.context,
        seed=plan.training_seed(0),
        store=Store(str(folder), CHECKPOINTS),
    )


def train(folder: Path, plan: Plan, follow: Follower, ranks: Ranks) -> Evaluation:
    """Train, measure and export the genome of a plan, from the last checkpoint in the folder if there is one.

    A failure is returned as the reason in the evaluation, and nothing is exported. Of several processes that train
    together, process 0 measures and exports.

    Raises:
        KeyboardInterrupt: `follow` stopped the training, which may be gone on with.
        OSError: the folder cannot be written.
    """
    import star
    from evaluator.artifacts import Artifacts
    from evaluator.evaluate import evaluate

    evaluation = evaluate(request_of(folder, plan), follow, ranks)
    if evaluation.weights is not None:
        store = Artifacts(str(folder))
        facts = {"metrics": evaluation.metrics, "tokens": evaluation.tokens, "seed": evaluation.seed}
        facts |= {name: plan.model_dump(mode="json")[name] for name in ("task", "budget")}
        facts |= {"seeds": 1, "data_licence": plan.task.licence, "measures": measures(evaluation.metrics)}
        weights = store.read(evaluation.weights)
        shutil.rmtree(folder / EXPORTING, ignore_errors=True)
        genome, tokenizer = Genome.parse(plan.genomes[0]), plan.task.read_tokenizer()
        model = star.export(folder / EXPORTING, genome, _space(plan), plan.shape, weights, facts, tokenizer=tokenizer)
        for file in model.iterdir():
            os.replace(file, folder / file.name)
        model.rmdir()
        _write(folder / RESULT, document(plan, evaluation))
        for key in store.keys(CHECKPOINTS):
            store.delete(key)
    return evaluation


def document(plan: Plan, evaluation: Evaluation) -> dict[str, Any]:
    """Return the outcome of a training as JSON."""
    return {
        "genome": plan.genomes[0],
        "task": plan.task.model_dump(mode="json"),
        "seed": evaluation.seed,
        "tokens": evaluation.tokens,
        "seconds": evaluation.seconds,
        "failure": evaluation.failure,
        "detail": evaluation.detail,
        "metrics": evaluation.metrics,
        "curve": [list(point) for point in evaluation.curve],
        "execution": evaluation.execution and evaluation.execution.to_json(),
    }


def _space(plan: Plan) -> Space:
    return plan.liv_space.only(Genome.parse(plan.genomes[0]))


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
