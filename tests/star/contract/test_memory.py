"""The paper's preset fits a GPU, in parts of one sequence where it must.

B batch, L tokens.
"""

import pytest
import torch

from genome import CLASSES, Genome, Space, decode, named
from genome.classes.alphabet import TokenMixing
from search.plan.presets import merged
from star.build import build
from star.ops.dispatch import forced
from tests.star.contract.launches import Launches, counted

PLAN = merged("star-125m", {})
ROWS = [row for row in CLASSES if row.name in (PLAN.space.classes or ())]

MEMORY = 80e9
PER_PARAMETER = 4 * 4
"""Bytes of a parameter, its gradient and the two moments of AdamW."""


def _attends(row):
    return row.operator.token_mixing is TokenMixing.LOW_RANK


def _held(row, sequences):
    """Bytes that a model of one LIV holds between its passes, and its parameters."""
    return _held_by(Genome.of([row.id]), sequences)


def _held_by(genome, sequences, checkpointed=False):
    """Bytes that a model holds between its passes, and its parameters.

    In float32: a GPU, which computes in bfloat16, keeps less.
    """
    model = build(decode(genome, Space.of(depth=len(genome.segments))), PLAN.shape).to("meta")
    model.checkpoint_activations = checkpointed
    tokens_BL = torch.zeros(sequences, PLAN.budget.length, dtype=torch.long, device="meta")
    held = []

    def forward():
        logits_BLV = model(tokens_BL)
        held.append((counts.kept_bytes, logits_BLV))

    counts = Launches()
    with forced("torch"):
        counted(forward, counts)
    return held[0][0], sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_sequence_of_the_papers_preset_fits_with_any_class(row):
    held, parameters = _held(row, 1)
    assert PLAN.space.depth * (held + PER_PARAMETER * parameters) < MEMORY


@pytest.mark.parametrize("row", [row for row in CLASSES if _attends(row)], ids=lambda row: row.name)
def test_attention_keeps_no_scores(row):
    held, _ = _held(row, 1)
    heads = 2**row.differential * PLAN.shape.width // PLAN.shape.head_dim
    assert held < heads * PLAN.budget.length**2 * 4 / 2


def test_a_whole_batch_of_the_papers_preset_fits_with_activation_checkpointing():
    """Between the passes lie the inputs of all LIVs, and the backward pass adds what one LIV holds."""
    transformer = PLAN.baseline_genomes()["Transformer++"]
    held, parameters = _held_by(transformer, PLAN.budget.batch, checkpointed=True)
    one = max(_held(named(name), PLAN.budget.batch)[0] for name in ("SA-1", "GMemless"))
    assert held + one + PER_PARAMETER * parameters < MEMORY
    assert _held_by(transformer, PLAN.budget.batch)[0] > 2 * MEMORY


@pytest.mark.parametrize("name", ["GLA", "Mamba-2"])
def test_activation_checkpointing_keeps_nothing_of_a_recurrence_in_chunks(name):
    """A further LIV adds the residual stream behind it, and its parameters, which are counted where they are read."""
    one, two = (_held_by(Genome.of([named(name).id] * depth), 1, checkpointed=True) for depth in (1, 2))
    stream = PLAN.budget.length * PLAN.shape.width * 4
    assert two[0] - one[0] <= stream + 4 * (two[1] - one[1])


def test_memory_is_counted():
    x = torch.zeros(1000, device="meta", requires_grad=True)
    kept = []

    def forward():
        y = x.exp()  # kept for its own gradient
        kept.append((counts.kept_bytes, y))
        z = 2 * y  # not kept for anything
        kept.append((counts.kept_bytes, y.sum()))
        del z

    counts = Launches()
    counted(forward, counts)
    assert [size for size, _ in kept] == [4000, 8000]
