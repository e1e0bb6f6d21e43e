"""The analysis of selection takes away what its rows say, and nothing else."""

import numpy as np
import pytest
import selection

from genome import Genome, require_legal
from search.plan.presets import PRESETS

SPACE = PRESETS["laptop"].liv_space


def _classes(genome: Genome) -> set[int]:
    return {segment.liv_class for segment in genome.segments}


def test_narrowed_genomes_are_legal_and_keep_a_share_of_the_classes_of_uniform_size():
    rng = np.random.default_rng(0)
    genome = Genome.of(row.id for row in SPACE.classes[:4] + SPACE.classes[:2])
    sizes = []
    for _ in range(400):
        made = selection.narrowed(genome, SPACE, rng)
        require_legal(made, SPACE)
        assert _classes(made) <= _classes(genome)
        sizes.append(len(_classes(made)))
    assert all(70 < sizes.count(size) < 130 for size in (1, 2, 3, 4))


def test_a_genome_of_many_classes_mixes_more_than_a_sample():
    rng = np.random.default_rng(0)
    made = [selection.mixed(SPACE, rng) for _ in range(100)]
    for genome in made:
        require_legal(genome, SPACE)
    assert np.mean([len(_classes(genome)) for genome in made]) > 4.5


@pytest.mark.slow
def test_children_of_few_classes_have_fewer_and_figures_are_of_the_population():
    usual, narrow = (selection.observed(row, 0) for row in ("nsga2, population 12", "children of few classes"))
    assert narrow["classes"] < usual["classes"]
    for found in (usual, narrow):
        assert all(share * 12 == pytest.approx(round(share * 12)) for share in found["nondominated"])
        assert all(0 <= volume < 1 for volume in found["volume"])


@pytest.mark.slow
def test_quality_alone_improves_the_population_and_every_row_runs(monkeypatch):
    monkeypatch.setattr(selection, "AT", (20, 40))
    found = {row: selection.observed(row, 1) for row in selection.ROWS}
    assert found["parents by quality alone"]["quality"][-1] < found["nsga2, population 12"]["quality"][-1]
    assert len({tuple(one["volume"]) for one in found.values()}) == len(found)
