"""Checkpoints: a training under way as bytes, in safetensors, of which nothing is unpickled.

The tensors are weights and the state of the optimizer. All else is JSON in the file's metadata.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors

from evaluator.artifacts.state import State
from evaluator.budget import Budget
from evaluator.evaluation import Request
from evaluator.optimizers.names import OptimizerName

FORMAT = "star-checkpoint-1"

ADDED: dict[str, Any] = {"optimizer": OptimizerName.ADAMW, "rates": [], "rate_steps": 20, "base_width": None}
"""Settings that budgets did not always have, with the value of the trainings of before."""


class Checkpoint(NamedTuple):
    """The state of a training, and `notes` that its writer adds as JSON."""

    state: State
    notes: dict[str, Any]


def identity(request: Request) -> str:
    """Return a digest of all that determines a training except its length: equal digests, equal trainings."""
    determined = {
        "genome": request.genome,
        "space": request.space,
        "shape": request.shape.to_json(),
        "task": request.task.model_dump(mode="json"),
        "budget": _settings(request.budget),
        "seed": request.seed,
    }
    return hashlib.sha256(json.dumps(determined, sort_keys=True).encode()).hexdigest()


def _settings(budget: Budget) -> dict[str, Any]:
    """Return the settings of a budget that determine a training.

    A setting of `ADDED` that has its default is left out, so that trainings of before keep their identity.
    """
    settings = budget.model_dump(mode="json", exclude={"seconds"})
    return {name: value for name, value in settings.items() if name not in ADDED or value != ADDED[name]}


def packed(checkpoint: Checkpoint, identity: str) -> bytes:
    """Return a checkpoint of the training with this identity as safetensors bytes."""
    state, notes = checkpoint
    facts = {"format": FORMAT, "identity": identity, "state": state.facts, "notes": notes}
    tensors = {name: tensor.contiguous() for name, tensor in state.tensors.items()}
    return write_tensors(tensors, {"star": json.dumps(facts, allow_nan=False)})


def unpacked(data: bytes, identity: str) -> Checkpoint:
    """Read a checkpoint of the training with this identity.

    Raises:
        ValueError: the bytes are no checkpoint, or one of another training.
    """
    try:
        facts = json.loads(_metadata(data)["star"])
        tensors = read_tensors(data)
        found, state, notes = facts["format"], facts["state"], facts["notes"]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the bytes are no checkpoint: {type(error).__name__}: {error}") from error
    if found != FORMAT:
        raise ValueError(f"the checkpoint has the format {found}, not {FORMAT}")
    if facts["identity"] != identity:
        raise ValueError("the checkpoint is that of another genome, space, shape, task, budget or seed")
    return Checkpoint(State(tensors, state), notes)


def _metadata(data: bytes) -> dict[str, str]:
    """Return the metadata of safetensors bytes, whose header is JSON after its length in 8 bytes, little-endian."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    return metadata
