"""The initial design: baselines, then stacks of one class, as many as the plan has room for."""

import json

import numpy as np
import pytest

from genome import Genome, named, require_legal
from search.evolution.initial_design import Design, initial_design
from search.plan import Plan, SpacePlan

CLASSES = ("SA-1", "Rec-1", "GConv-1", "GMemless")


def _plan(**changes):
    return Plan.model_validate({"space": {"classes": CLASSES, "depth": 4}, "candidates": 100, **changes})


def _designed(plan, seed=0):
    return initial_design(plan, np.random.default_rng(seed))


def test_every_class_has_its_stack_and_its_alternating_stack():
    design = _designed(_plan(stacks=1))
    assert [one.baseline for one in design[:2]] == ["Transformer++", "striped hybrid"]
    ids = {named(name).id for name in CLASSES}
    mixer = named("GMemless").id
    stacks = {str(Genome.of([n] * 4)) for n in ids}
    alternating = {str(Genome.of([n, mixer] * 2)) for n in ids - {mixer}}
    transformer = {str(Genome.of([named("SA-1").id, mixer] * 2))}
    assert {str(one.genome) for one in design[2:]} == stacks | alternating - transformer
    assert {one.variation for one in design[2:]} == {"stack", "alternating stack"}
    for one in design:
        require_legal(one.genome, _plan().liv_space)


def test_stacks_take_their_share_and_differ_between_seeds():
    plan = _plan(stacks=0.05, baselines=False)
    found = [{str(one.genome) for one in _designed(plan, seed)} for seed in range(4)]
    assert {len(one) for one in found} == {5}
    assert len(set(map(frozenset, found))) > 1
    assert _designed(_plan(stacks=0, baselines=False)) == []


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_short_stacks_are_no_duplicates(depth):
    design = _designed(Plan(space=SpacePlan(depth=depth), stacks=1, candidates=1_000, baselines=False))
    assert len({str(one.genome) for one in design}) == len(design)


def test_the_genomes_of_the_plan_follow_the_baselines():
    stack = "-".join(["1.1.1.1.1"] * 4)
    mixed = "1.1.1.1.1-1.1.1.1.1-9.1.1.1.1-9.1.1.1.1"
    design = _designed(_plan(stacks=1, genomes=[mixed, stack]))
    assert [str(one.genome) for one in design[2:4]] == [mixed, stack]
    assert {one.variation for one in design[2:4]} == {"given"}
    assert len({one.genome for one in design}) == len(design) == len(_designed(_plan(stacks=1))) + 1
    assert [Design.from_json(json.loads(json.dumps(one.to_json()))) for one in design] == design
