"""Bad plans and genomes: a problem that names the field and the legal values, and nothing stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.web.refusal import refused
from tests.served import Service

RECALL: dict[str, Any] = {"task": {"kind": "recall", "pairs": 8}, "objectives": ["parameters"]}

SIX = "-".join(["11111"] * 6)

BAD_PLANS: list[tuple[dict[str, Any], str, str]] = [
    ({"candidates": 2_000_000}, "/plan/candidates", "less than or equal to 1000000"),
    ({"candidates": 0}, "/plan/candidates", "greater than or equal to 1"),
    ({"width": "wide"}, "/plan/width", "valid integer"),
    ({"width": 65}, "/plan/width", "multiple of head_dim 16"),
    ({"head_dim": 1, "space": {"classes": ["DeltaNet"]}}, "/plan/head_dim", "head of one channel"),
    ({"budget": {"steps": 10**9}}, "/plan/budget/steps", "less than or equal to 10000000"),
    ({"budget": {"stepz": 1}}, "/plan/budget/stepz", "legal: steps, batch, length"),
    ({"colour": "red"}, "/plan/colour", "legal: space, width, head_dim"),
    ({"task": {"kind": "text", "corpora": "x"}}, "/plan/task/corpora", "legal: kind, corpus"),
    ({"task": {"kind": "recall", "pairs": 0}}, "/plan/task/pairs", "greater than or equal to 1"),
    ({"task": {"kind": "vision"}}, "/plan/task/kind", "legal: text, recall"),
    (
        RECALL | {"task": {"kind": "recall", "pairs": 9, "symbols": 16}},
        "/plan/task/pairs",
        "must be 1 to 7, not 9",
    ),
    (
        RECALL | {"budget": {"length": 31}},
        "/plan/budget/length",
        "must be 32 or more",
    ),
    ({"task": {"kind": "recall", "symbols": 9}}, "/plan/task/symbols", "multiple of 2"),
    ({"task": "text"}, "/plan/task", "object with the field `kind`"),
    ({"task": {"kind": "text", "corpus": ""}}, "/plan/task/corpus", "at least 1 character"),
    ({"space": {"classes": ["SA-1", "SA-99"]}}, "/plan/space/classes/1", "legal: SA-1, SA-2"),
    ({"space": {"classes": []}}, "/plan/space/classes", "at least 1 item"),
    ({"space": {"depth": 1000}}, "/plan/space/depth", "less than or equal to 256"),
    ({"objectives": ["bits_per_byte", "beauty"]}, "/plan/objectives/1", "decode_ms, train_seconds"),
    ({"objectives": ["recall_error"]}, "/plan/objectives/0", "it reports bits_per_byte"),
    ({"objectives": ["flops_per_step"]}, "/plan/objectives/0", "legal: bits_per_byte"),
    ({"objectives": ["decode_ms", "decode_ms"]}, "/plan/objectives", "must be different"),
    ({"objectives": []}, "/plan/objectives", "at least 1 item"),
    ({"constraints": [{"metric": "recall_error", "at_most": 1}]}, "/plan/constraints/0/metric", "it reports bits_per"),
    ({"constraints": [{"metric": "parameters", "at_most": -1}]}, "/plan/constraints/0/at_most", "greater than 0"),
    ({"constraints": [{"metric": "parameters"}]}, "/plan/constraints/0/at_most", "needs at_most, at_least or both"),
    (
        {"constraints": [{"metric": "parameters", "at_least": 9, "at_most": 8}]},
        "/plan/constraints/0/at_least",
        "must not exceed at_most, which is 8",
    ),
    (
        {"genomes": [SIX], "constraints": [{"metric": "parameters", "at_least": 1e9}]},
        "/plan/genomes/0",
        "below the limit of 1e+09",
    ),
    ({"genomes": ["11111", SIX]}, "/plan/genomes/0", "the genome has 1 LIVs; the space has 6"),
    ({"genomes": [SIX, "999.1.1.1.1" + SIX[5:]]}, "/plan/genomes/1", "999 is not in the space; legal: 1, 2"),
    ({"genomes": [SIX, SIX.replace("1.1.1.1.1", "11111")]}, "/plan/genomes/1", "same architecture as genomes[0]"),
    ({"genomes": ["-".join(["11111", "91111"] * 3)]}, "/plan/genomes/0", "the baseline Transformer++"),
    ({"genomes": [SIX], "candidates": 2}, "/plan/genomes", "they are 3, more than the 2 candidates"),
    (
        {"genomes": [SIX], "constraints": [{"metric": "parameters", "at_most": 1000}]},
        "/plan/genomes/0",
        "above the limit of 1,000",
    ),
    (
        {"stop": {"stagnation": 9}, "algorithm": "random"},
        "/plan/stop/stagnation",
        "legal: surrogate",
    ),
    ({"stop": {"hours": 9}}, "/plan/stop/hours", "legal: tokens, seconds, stagnation, failures"),
    ({"space": {"classes": ["SA-1\0"]}}, "/plan/space/classes/0", "printable"),
    ({"task": {"corpus": "x" * 5000}}, "/plan/task/corpus", "at most 4096 characters"),
]


@pytest.mark.parametrize(
    ("plan", "pointer", "legal"), BAD_PLANS, ids=[f"{p}-{n}" for n, (_, p, _) in enumerate(BAD_PLANS)]
)
@pytest.mark.usefixtures("nothing_stored")
def test_a_bad_plan_names_field_and_legal_values(
    client: httpx.Client, plan: dict[str, Any], pointer: str, legal: str
) -> None:
    problem = refused(client.post("/v1/jobs", json={"plan": plan}))

    faults = {fault["pointer"]: fault["detail"] for fault in problem["errors"]}
    assert legal in faults[pointer]
    assert faults[pointer] in problem["detail"]


@pytest.mark.usefixtures("nothing_stored")
def test_a_corpus_outside_the_allowed_directories_is_refused(service: Service, tmp_path: Path) -> None:
    allowed = service.settings.corpora[0]
    (allowed / "out").symlink_to(tmp_path)
    for corpus in ("/etc", str(tmp_path), str(allowed / ".." / ".."), str(allowed / "out"), "relative"):
        problem = refused(service.client.post("/v1/jobs", json={"plan": {"task": {"corpus": corpus}}}))

        assert problem["errors"][0]["pointer"] == "/plan/task/corpus"
        assert str(allowed.resolve()) in problem["errors"][0]["detail"]


def test_an_allowed_corpus_is_stored_as_its_resolved_path(service: Service) -> None:
    corpus = service.settings.corpora[0] / "words"
    corpus.mkdir()
    for n in range(3):
        (corpus / f"{n}.txt").write_text(f"{n} all work and no play\n" * 3000)

    answer = service.client.post("/v1/jobs", json={"plan": {"task": {"corpus": f"{corpus}/../words/"}}})

    assert answer.json()["plan"]["task"] == {"kind": "text", "corpus": str(corpus.resolve())}


@pytest.mark.parametrize(
    ("body", "pointer", "legal"),
    [
        ({"genome": "999.1.1.1.1"}, "/genome", "segment 1, class: 999 is not in the space; legal: 0, 1, 2"),
        ({"genome": "1.1.2.1.1-9.1.2.1.1"}, "/genome", "group 1 belongs to class 1"),
        ({"genome": "1.1.1.1.9"}, "/genome", "legal here: 1 to 4"),
        ({"genome": "0.1.1.1.1"}, "/genome", "at least one must be an operator"),
        ({"genome": "import os"}, "/genome", "must be five integers"),
        ({"genome": ""}, "/genome", "at least 1 character"),
        ({"genome": "1" * 20_000}, "/genome", "at most 16384 characters"),
        ({"genome": "1.1.1.1.1", "width": 0}, "/width", "greater than or equal to 1"),
        ({"genome": "1.1.1.1.1", "width": 64, "head_dim": 48}, "/head_dim", "multiple of head_dim 48"),
        ({"genome": "1.1.1.1.1", "depth": 3}, "/depth", "legal: genome, width, head_dim, vocab, window, context"),
        ({}, "/genome", "Field required"),
    ],
)
def test_an_illegal_genome_names_segment_gene_and_legal_values(
    client: httpx.Client, body: dict[str, Any], pointer: str, legal: str
) -> None:
    problem = refused(client.post("/v1/genomes/cost", json=body))

    assert problem["errors"][0]["pointer"] == pointer
    assert legal in problem["errors"][0]["detail"]
