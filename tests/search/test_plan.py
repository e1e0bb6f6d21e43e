"""Plans stored by older versions are read unchanged, and errors have the location of a field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evaluator.metrics import DECODE_MS, MEASURED
from evaluator.tasks.recall import RecallTask
from search.plan import Plan
from search.plan.comparable import differences
from search.plan.expected import expected_tokens
from search.plan.presets import PRESETS, merged

STORED: dict[str, Any] = {
    "space": {
        "classes": ["SA-1", "GMemless"],
        "depth": 6,
        "allow_skip": False,
        "share_weights": True,
        "share_features": True,
        "groups": 3,
        "levels": "backbone",
    },
    "width": 64,
    "head_dim": 16,
    "window": 64,
    "task": {"kind": "recall", "symbols": 16, "pairs": 4},
    "objectives": ["recall_error", "parameters"],
    "constraints": [{"metric": "decode_ms", "at_most": 9.0}],
    "budget": {
        "steps": 150,
        "batch": 16,
        "length": 128,
        "learning_rate": 0.003,
        "weight_decay": 0.1,
        "warmup": 15,
        "clip": 1.0,
        "validation": 256,
        "seconds": 120.0,
    },
    "context": 4096,
    "candidates": 40,
    "population": 12,
    "mutation": 0.1,
    "seed": 0,
    "baselines": True,
}
"""A plan as the version before tasks were declared in one file stored it."""


def test_a_plan_stored_by_an_older_version_is_read_unchanged() -> None:
    plan = Plan.model_validate(STORED)

    assert plan.task == RecallTask(symbols=16, pairs=4)
    added = {
        "algorithm": "surrogate",
        "stacks": 0,
        "budget": {
            **STORED["budget"],
            "optimizer": "adamw",
            "base_width": None,
            "rates": [],
            "rate_steps": 20,
            "cooldown": 0.2,
            "checkpoint_activations": False,
            "deterministic": False,
        },
    }
    added |= {"rungs": {"tokens": [], "promoted": 0.25}, "repeats": 0, "finish": {"seeds": 0, "members": 8}}
    added |= {
        "warm_start": None,
        "inherit": False,
        "lag": None,
        "genomes": [],
        "measure": [],
        "stop": {"tokens": None, "seconds": None, "stagnation": None, "failures": None},
    }
    added["constraints"] = [{"metric": "decode_ms", "at_most": 9.0, "at_least": None}]
    assert plan.model_dump(mode="json") == STORED | added


@pytest.mark.parametrize("task", [{"kind": "text", "corpus": "stdlib"}, {"kind": "text"}])
def test_a_stored_text_task_is_read_as_the_presets_task(task: dict[str, Any]) -> None:
    stored = STORED | {"task": task, "objectives": ["bits_per_byte"]}

    assert Plan.model_validate(stored).task == PRESETS["laptop"].task


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"task": {"kind": "recall", "symbols": 16, "pairs": 8}}, ("task", "pairs")),
        ({"task": {"kind": "recall", "symbols": 15}}, ("task", "symbols")),
        ({"task": {"kind": "recall", "colour": 1}}, ("task", "colour")),
        ({"task": {"kind": "vision"}}, ("task", "kind")),
        ({"task": {}}, ("task", "kind")),
        ({"task": None}, ("task",)),
        ({"budget": {"length": 15}}, ("budget", "length")),
        ({"width": 65}, ("width",)),
        ({"head_dim": 1, "space": {"classes": ["DeltaNet"]}}, ("head_dim",)),
        ({"objectives": ["parameters", "bits_per_byte"]}, ("objectives", 1)),
        ({"objectives": ["parameters", "beauty"]}, ("objectives", 1)),
        ({"constraints": [{"metric": "bits_per_byte", "at_most": 1}]}, ("constraints", 0, "metric")),
        ({"constraints": [{"metric": "parameters"}]}, ("constraints", 0, "at_most")),
        ({"constraints": [{"metric": "parameters", "at_most": 0}]}, ("constraints", 0, "at_most")),
        ({"constraints": [{"metric": "parameters", "at_least": -1}]}, ("constraints", 0, "at_least")),
        ({"constraints": [{"metric": "parameters", "at_least": 9, "at_most": 8}]}, ("constraints", 0, "at_least")),
        ({"constraints": [{"metric": "parameters", "about": 9}]}, ("constraints", 0, "about")),
        ({"measure": ["prefill_ms", "parameters"]}, ("measure", 1)),
        ({"objectives": ["recall_error", "effective_state"]}, ("objectives", 1)),
        ({"objectives": ["recall_error", "synflow"]}, ("objectives", 1)),
        ({"constraints": [{"metric": "synflow", "at_least": 1}]}, ("constraints", 0, "metric")),
        ({"space": {"classes": ["SA-1", "SA-99"]}}, ("space", "classes", 1)),
        ({"genomes": ["-".join(["11111"] * 6), "-".join(["11111"] * 5)]}, ("genomes", 1)),
        ({"genomes": ["-".join(["11111"] * 6), "-".join(["1.2.1.1.1"] * 6)]}, ("genomes", 1)),
        ({"genomes": ["-".join(["11111", "91111"] * 3)]}, ("genomes", 0)),
        ({"genomes": ["-".join(["11111"] * 6)], "candidates": 1}, ("genomes",)),
        ({"stop": {"tokens": 0}}, ("stop", "tokens")),
        ({"budget": {"rates": [0.01, 0.01]}}, ("budget", "rates")),
        ({"budget": {"rates": [0.01, 2]}}, ("budget", "rates", 1)),
        ({"budget": {"rates": [0.01], "rate_steps": 161}}, ("budget", "rate_steps")),
        ({"budget": {"rates": [0.01]}, "rungs": {"tokens": [16 * 128 * 20]}}, ("budget", "rate_steps")),
        ({"stop": {"seconds": -1}}, ("stop", "seconds")),
        ({"stop": {"stagnation": 10}, "algorithm": "nsga2"}, ("stop", "stagnation")),
    ],
)
def test_an_error_has_the_location_of_its_field(changes: dict[str, Any], location: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Plan.model_validate(STORED | changes)

    assert [error["loc"] for error in refused.value.errors()] == [location]


def test_what_is_asked_for_are_objectives_limits_and_more_that_are_measured_on_request() -> None:
    constraint = {"metric": "decode_p95_ms", "at_most": 9.0}
    changes = {"objectives": ["recall_error", "prefill_ms"], "constraints": [constraint], "measure": ["decode_p50_ms"]}
    assert Plan.model_validate(STORED).asked == ()
    assert Plan.model_validate(STORED | changes).asked == ("prefill_ms", "decode_p50_ms", "decode_p95_ms")
    diagnosed = {"constraints": [{"metric": "effective_state", "at_least": 2}], "measure": ["gradsign"]}
    assert Plan.model_validate(STORED | diagnosed).asked == ("effective_state", "gradsign")


def test_a_task_of_another_kind_replaces_the_presets_whole_task() -> None:
    plan = merged("laptop", {"task": {"kind": "recall", "pairs": 2}, "objectives": ["recall_error"]})

    assert plan.task == RecallTask(pairs=2)
    assert merged("laptop", {"budget": {"steps": 7}}).budget == PRESETS["laptop"].budget.model_copy(update={"steps": 7})


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, [38]),
        ({"budget": {"steps": 300}}, [76]),
        ({"budget": {"steps": 1}}, []),
        ({"algorithm": "nsga2"}, []),
        ({"rungs": {"tokens": [2048]}}, [1]),
    ],
)
def test_the_rungs_of_a_preset_follow_budget_and_algorithm(changes: dict[str, Any], steps: list[int]) -> None:
    assert [tokens // 2048 for tokens in merged("laptop", changes).rungs.tokens] == steps


@pytest.mark.parametrize(
    ("rungs", "place", "message"),
    [
        ([4096, 2048], ("rungs", "tokens"), "must rise"),
        ([2048, 2048], ("rungs", "tokens"), "must rise"),
        ([2048, 5000], ("rungs", "tokens", 1), "multiple of 2048 from 2048 to 307200"),
        ([307_200], ("rungs", "tokens", 0), "whole budget"),
        ([614_400], ("rungs", "tokens", 0), "multiple of 2048 from 2048 to 307200"),
    ],
)
def test_rungs_that_are_not_legal_are_refused_with_their_place(
    rungs: list[int], place: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        merged("laptop", {"rungs": {"tokens": rungs}})
    assert [error["loc"] for error in caught.value.errors()] == [place]


def test_an_algorithm_without_rungs_says_so() -> None:
    with pytest.raises(ValidationError, match="those with rungs: random, surrogate"):
        merged("laptop", {"rungs": {"tokens": [2048]}, "algorithm": "aging"})


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_minimises_a_time_that_is_measured_while_other_workers_train(preset: str) -> None:
    assert DECODE_MS.name in MEASURED
    assert MEASURED.isdisjoint(PRESETS[preset].objectives)


def test_a_stop_by_tokens_bounds_what_is_expected_of_the_search_but_not_of_its_finish() -> None:
    plan = merged("laptop", {"finish": {"seeds": 0}}).model_dump(mode="json")
    every = expected_tokens(plan)
    stopped = expected_tokens(plan | {"stop": {"tokens": every // 2}})
    finish = {"seeds": 1, "members": 1}
    assert stopped == every // 2
    assert expected_tokens(plan | {"stop": {"tokens": 2 * every}}) == every
    each = PRESETS["laptop"].budget.tokens
    assert expected_tokens(plan | {"stop": {"tokens": every // 2}, "finish": finish}) == stopped + 3 * each


def test_settings_that_change_no_result_make_no_difference() -> None:
    plan = PRESETS["laptop"]
    other = merged("laptop", {"budget": {"seconds": 7, "checkpoint_activations": True}})
    assert differences(plan, other) == []
    assert differences(plan, merged("laptop", {"budget": {"clip": 0.5}})) == ["budget.clip"]
