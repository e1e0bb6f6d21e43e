"""The genomes to train come from every source as often as asked for, and none is trained twice."""

from collections import Counter

import numpy as np
import trainings

from genome import digest

FULL = trainings.RUNGS[-1] * trainings.BUDGET.batch * trainings.BUDGET.length


def test_no_training_is_wanted_twice_and_each_source_reaches_its_count(monkeypatch):
    counts = {"homogeneous": 34, "random": 20, "evolved": 30, "repeated": 8}
    monkeypatch.setattr(trainings, "COUNTS", counts)
    rng = np.random.default_rng(0)
    rows: list[trainings.Row] = []
    wanted = []
    for origin, genome, seed in trainings.wanted(rows, rng):
        key = digest(genome, trainings.SPACE), seed
        wanted.append((origin, key))
        measured = {"bits_per_byte": float(rng.random()), "parameters": 1 + len(set(genome.segments)), "cache_bytes": 0}
        rows.append(
            {"digest": key[0], "seed": seed, "genome": str(genome), "origin": origin, "tokens": FULL, **measured}
        )
    assert len({key for _, key in wanted}) == len(wanted)
    assert Counter(origin for origin, _ in wanted) == counts | {"homogeneous": 33}
    assert {seed == 0 for origin, (_, seed) in wanted if origin == "repeated"} == {False}
    assert list(trainings.wanted(rows, rng)) == []
