"""A distilled model: what it keeps, what it says, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

import star
from genome import Genome, Shape, Space, decode
from star.contract.forms import relative_rms
from star.distillation import GENERATORS
from star.distillation.orders import ORDERS

LENGTH = 48
SHAPE = Shape(width=16, head_dim=8, vocab=32)
FACTS = {"budget": {"length": LENGTH}, "task": {"kind": "text"}, "metrics": {"bits_per_byte": 2.5}}
SHARED = "91.1.2.1.1-9.1.1.1.1-191.1.1.1.1-91.1.2.1.1"
"""Two LIVs of Hyena with the same weights, and a Hyena-Published."""

FILTERS = "91.1.1.1.5-91.1.1.1.5"
"""Two LIVs of Hyena with weights of their own, of which the second takes the filter of the first."""

Exporting = Callable[..., Path]


@pytest.fixture
def exporting(tmp_path: Path) -> Exporting:
    """Export the model of a genome with fresh weights."""

    def export(text: str, shape: Shape = SHAPE, dtype: torch.dtype = torch.float32, **facts: Any) -> Path:
        genome = Genome.parse(text)
        space = Space.of(depth=len(genome.segments))
        model = star.build(decode(genome, space), shape, seed=1).to(dtype)
        return star.export(tmp_path / "long", genome, space, shape, star.weights(model), FACTS | facts)

    return export


def described(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "genome.json").read_text())
    return found


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load((folder / "model.safetensors").read_bytes())


def test_decoding_is_the_forward_pass_with_a_cache_that_does_not_grow(exporting: Exporting, tmp_path: Path) -> None:
    star.distil(exporting(SHARED), tmp_path / "short", most_error=0.1)
    model = star.load(tmp_path / "short").double()
    tokens = torch.randint(SHAPE.vocab, (2, 3 * LENGTH), generator=torch.Generator().manual_seed(0))
    cache, sizes = model.new_cache(2), []
    with torch.no_grad():
        whole, steps = model(tokens), []
        for piece in torch.split(tokens, [LENGTH, 1, 1, 7, 2 * LENGTH - 9], dim=1):
            steps.append(model(piece, cache))
            sizes.append(sum(model.cache_elements(cache.position)))
    assert relative_rms(torch.cat(steps, dim=1), whole) < 1e-9
    assert len(set(sizes)) == 1


def test_the_new_genome_keeps_the_contract(exporting: Exporting, tmp_path: Path) -> None:
    star.distil(exporting(SHARED), tmp_path / "short", most_error=0.1)
    found = described(tmp_path / "short")
    assert star.check(Genome.parse(found["genome"]), Space.from_json(found["space"]), SHAPE).breaches == ()


def test_the_facts_say_what_was_distilled(exporting: Exporting, tmp_path: Path) -> None:
    source = exporting(SHARED)
    found = star.distil(source, tmp_path / "short", most_error=0.1)
    told = described(tmp_path / "short")["facts"]

    assert told == {"budget": FACTS["budget"], "task": FACTS["task"], "distilled": found}
    assert found["from"]["facts"] == {"metrics": FACTS["metrics"]}
    assert found["from"]["genome"] == described(source)["genome"]
    assert (found["length"], [liv["position"] for liv in found["livs"]]) == (LENGTH, [0, 2, 3])
    first, published, last = found["livs"]
    assert published["becomes"] == f"Hyena-Published-Modes-{published['order']}"
    assert {**first, "position": 3} == last
    assert all(0 < liv["taps_error"] <= 0.1 and liv["taps_error"] <= liv["worst_filter_error"] for liv in found["livs"])
    old, new = star.load(source), star.load(tmp_path / "short")
    assert first["cache_bytes_before"] == 2 * old.cache_elements(4096)[0]
    assert first["cache_bytes_after"] == 2 * new.cache_elements(4096)[0] < first["cache_bytes_before"] / 50
    assert found["cache_bytes"]["after"] == 2 * sum(new.cache_elements(4096))
    tokens = torch.randint(SHAPE.vocab, (2, LENGTH))
    with torch.no_grad():
        assert relative_rms(new(tokens), old(tokens)) < 2 * found["logits"]["relative_rms"] < 0.2


def test_all_weights_but_the_filters_stay_bit_for_bit(exporting: Exporting, tmp_path: Path) -> None:
    source = exporting(SHARED)
    star.distil(source, tmp_path / "short", most_error=0.1)
    before, after = tensors(source), tensors(tmp_path / "short")
    kept = {name for name in before if ".groups.h." not in name}
    assert kept == {name for name in after if ".groups.h." not in name}
    assert all(torch.equal(before[name], after[name]) for name in kept)


def test_a_shared_filter_is_fitted_once_and_stays_shared(exporting: Exporting, tmp_path: Path) -> None:
    found = star.distil(exporting(SHARED), tmp_path / "weights", most_error=0.1)
    model = star.load(tmp_path / "weights")
    first, _, _, last = (block.operator.livs[0] for block in model.stack())
    assert first.featurizer is last.featurizer
    assert found["livs"][0]["taps_error"] == found["livs"][2]["taps_error"]


def test_a_filter_that_another_liv_takes_stays_taken(exporting: Exporting, tmp_path: Path) -> None:
    star.distil(exporting(FILTERS), tmp_path / "short", most_error=0.2)
    blueprint = star.load(tmp_path / "short").blueprint
    assert [liv.features_from for liv in blueprint.livs] == [0, 0]
    assert sum(".groups.h.log_rate_HN" in name for name in tensors(tmp_path / "short")) == 1


@pytest.mark.parametrize("text", ["103.1.1.1.1", "17.1.1.1.1", "92.1.1.1.1", "8.1.1.1.1"])
def test_heads_outer_products_and_differential_pairs(exporting: Exporting, tmp_path: Path, text: str) -> None:
    source = exporting(text)
    found = star.distil(source, tmp_path / "short", order=16, most_error=1.0)
    new = star.load(tmp_path / "short")
    assert new.cache_elements(4096) == new.cache_elements(8192)
    assert found["logits"]["relative_rms"] < 0.5
    assert found["livs"][0]["order"] == 16


def test_the_smallest_order_that_is_good_enough_is_taken(exporting: Exporting, tmp_path: Path) -> None:
    source, errors = exporting("91.1.1.1.1"), {}
    for order in (4, 8, 16):
        errors[order] = star.distil(source, tmp_path / f"{order}", order, most_error=1.0)["livs"][0]["taps_error"]
    assert errors[4] > errors[8] > errors[16]
    found = star.distil(source, tmp_path / "least", most_error=(errors[4] + errors[8]) / 2)
    assert found["livs"][0]["order"] == 8


def test_modes_of_the_catalogue_are_named_by_it(exporting: Exporting, tmp_path: Path) -> None:
    source = exporting("191.1.1.1.1")
    assert star.distil(source, tmp_path / "a", order=16)["livs"][0]["becomes"] == "Laughing Hyena-Published"
    assert described(tmp_path / "a")["genome"] == "205.1.1.1.1"
    assert star.distil(source, tmp_path / "b", order=8)["livs"][0]["becomes"] == "Hyena-Published-Modes-8"


def test_series_have_no_tokens(exporting: Exporting, tmp_path: Path) -> None:
    source = exporting("191.1.1.1.1", Shape(width=16, head_dim=8, vocab=3, channels=3))
    assert star.distil(source, tmp_path / "short")["logits"]["relative_rms"] < 1e-2


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (
            "91.1.2.1.1-9.1.1.1.1-91.1.2.1.1",
            {"order": 4},
            r"LIV 1 \(Hyena\) and LIV 3 \(Hyena\): at order 4 .* 0\.01, ",
        ),
        (
            "191.1.1.1.1",
            {"most_error": 1e-9},
            "float32; allow a larger error, or fewer taps than 48",
        ),
    ],
)
def test_too_large_an_error_is_refused(
    exporting: Exporting, tmp_path: Path, text: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(star.DistilError, match=words):
        star.distil(exporting(text), tmp_path / "short", **arguments)
    assert not (tmp_path / "short").exists()


def test_the_error_is_that_of_the_weights_as_they_are_stored(exporting: Exporting, tmp_path: Path) -> None:
    with pytest.raises(star.DistilError, match="weights in bfloat16"):
        star.distil(exporting("191.1.1.1.1", dtype=torch.bfloat16), tmp_path / "short", most_error=1e-4)


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("1.1.1.1.1-9.1.1.1.1", {}, "no filter that reaches back to the first token; its classes are SA-1, GMemless"),
        ("105.1.1.1.1", {}, "its classes are Laughing Hyena"),
        ("91.1.1.1.1", {"order": 5}, "one of 4, 8, 16, 32, 64, not 5"),
        ("91.1.1.1.1", {"order": 32}, "order 32 needs 64 taps at least, and the length is 48"),
        ("91.1.1.1.1", {"length": 4}, "must be 8 to 65,536 taps, not 4"),
        ("91.1.1.1.1", {"most_error": 0.0}, "above 0"),
    ],
)
def test_what_cannot_be_distilled_is_refused(
    exporting: Exporting, tmp_path: Path, text: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        star.distil(exporting(text), tmp_path / "short", **arguments)
    assert not (tmp_path / "short").exists()


@pytest.mark.parametrize("budget", [{}, {"length": "9"}, {"length": True}, {"length": 10**9}, 3])
def test_a_strange_training_length_is_not_believed(exporting: Exporting, tmp_path: Path, budget: Any) -> None:
    assert star.distil(exporting("191.1.1.1.1", budget=budget), tmp_path / "short", order=4)["length"] == 2048


def test_each_order_is_its_digit() -> None:
    assert [GENERATORS[order].name for order in ORDERS] == [f"COMPLEX_MODAL_{order}" for order in ORDERS]
