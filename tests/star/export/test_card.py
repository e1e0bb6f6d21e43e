"""The model card tells what was measured and where a model comes from, and text of others never becomes markup."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import star
from genome import Genome, Shape, Space, decode
from star.export.card.markdown import escaped

GENOME, SPACE, SHAPE = Genome.parse("1.1.1.1.1-9.1.1.1.1"), Space.of(depth=2), Shape(width=16, head_dim=4, vocab=11)
SVG = "{http://www.w3.org/2000/svg}"
POINTS = [{"candidate": n, "values": [2 + 1 / n, 1000.0 * 2**n]} for n in range(1, 9)]
FACTS: dict[str, Any] = {
    "job": "abc",
    "name": "lean caches",
    "candidate": 3,
    "parents": [1, 2],
    "metrics": {"bits_per_byte": 2.51234, "bits_per_byte_stderr": 0.0123, "parameters": 3728.0},
    "measures": {"bits_per_byte": {"label": "Bits per byte", "unit": "bits", "description": "the loss"}},
    "tokens": 300_000,
    "seeds": 1,
    "seed": 17,
    "task": {"kind": "text", "corpus": "stdlib"},
    "data_licence": "Python-2.0",
    "budget": {"steps": 400, "rates": []},
    "frontier": {"objectives": ["bits_per_byte", "cache_bytes"], "candidates": POINTS},
}


@pytest.fixture(scope="module")
def weights() -> bytes:
    return star.weights(star.build(decode(GENOME, SPACE), SHAPE, seed=3))


@pytest.fixture
def exported(weights: bytes, tmp_path: Path) -> Any:
    """Export a model with the facts and these changes, and return the folder."""
    return lambda **changes: star.export(tmp_path / "winner", GENOME, SPACE, SHAPE, weights, FACTS | changes)


def rows(folder: Path) -> dict[str, list[str]]:
    """The cells of all tables by their first one."""
    lines = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("| ")]
    cells = [re.split(r"(?<!\\)\|", line.strip("| ")) for line in lines]
    return {first.strip(): [cell.strip() for cell in rest] for first, *rest in cells}


def test_it_tells_metrics_origin_and_training(exported: Any) -> None:
    folder = exported()
    found, text = rows(folder), (folder / "README.md").read_text()
    assert found["bits_per_byte"] == ["2.51234", "0.0123", "bits", "Bits per byte. the loss"]
    assert found["parameters"][0] == "3,728"
    assert (found["job"], found["candidate"], found["parents"]) == (["abc"], ["3"], ["1, 2"])
    assert (found["task.corpus"], found["budget.steps"], found["seed"]) == (["stdlib"], ["400"], ["17"])
    assert found["data_licence"] == ["Python-2.0"]
    assert found["0"][0] == "SA-1"
    assert "those of these weights on the validation data of the task text after 300,000 tokens" in text
    assert 'star.load(".")' in text
    assert "![The frontier of the search](frontier.svg)" in text


def test_means_over_seeds_are_said_to_be_means(exported: Any) -> None:
    assert "means over 3 trainings with different seeds" in (exported(seeds=3) / "README.md").read_text()


def test_the_frontier_is_a_picture_in_which_the_model_is_marked(exported: Any) -> None:
    root = ElementTree.parse(exported() / "frontier.svg").getroot()
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == len(POINTS)
    marked = [circle for circle in circles if circle.get("r") == "7"]
    assert [circle.findtext(f"{SVG}title") for circle in marked] == [
        "candidate 3: bits_per_byte 2.33333, cache_bytes 8000"
    ]
    assert "candidate 3" in [text.text for text in root.iter(f"{SVG}text")]
    ordered = sorted(circles, key=lambda circle: float(circle.get("cx", "")))
    heights = [float(circle.get("cy", "")) for circle in ordered]
    assert heights == sorted(heights)  # a larger cache is right, and fewer bits are down
    labels = [float(text.get("x", "")) for text in root.iter(f"{SVG}text")]
    assert len({round(x) for x in labels}) > 5
    assert all(
        0 <= float(circle.get("cx", "")) <= 640 and 0 <= float(circle.get("cy", "")) <= 420 for circle in circles
    )


@pytest.mark.parametrize(
    "values",
    [
        [(1.0, 1.0)],
        [(0.0, 0.0), (0.0, 0.0)],
        [(-3.0, 1e-30), (5.0, 1e30)],
        [(1e99, 1.0), (-1e99, 1.0 + 1e-15)],
        [(1e-99, 1e99), (1e99, 1e-99)],
    ],
)
def test_any_values_are_drawn_within_the_picture(exported: Any, values: list[tuple[float, float]]) -> None:
    found = [{"candidate": n, "values": list(pair)} for n, pair in enumerate(values, 1)]
    folder = exported(frontier={"objectives": ["a<b", "c&d"], "candidates": found})
    root = ElementTree.parse(folder / "frontier.svg").getroot()
    assert {"a<b", "c&d"} <= {text.text for text in root.iter(f"{SVG}text")}
    circles = root.findall(f"{SVG}circle")
    assert len(circles) == len(values)
    for circle in circles:
        assert 80 <= float(circle.get("cx", "")) <= 616
        assert 24 <= float(circle.get("cy", "")) <= 364
    assert len(list(root.iter(f"{SVG}text"))) < 40


@pytest.mark.parametrize(
    "frontier",
    [
        None,
        [],
        "x",
        {"objectives": ["a"], "candidates": POINTS},
        {"objectives": ["a", "b"], "candidates": []},
        {"objectives": ["a", "b"], "candidates": [{"candidate": 1, "values": ["x", 1]}]},
        {"objectives": ["a", "b"], "candidates": [{"candidate": 1, "values": [1e300, 1]}]},
        {"objectives": ["a", "b"], "candidates": [1]},
    ],
)
def test_without_a_frontier_there_is_no_picture(exported: Any, frontier: Any) -> None:
    folder = exported(frontier=frontier)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "genome.json", "model.safetensors"]
    assert "frontier.svg" not in (folder / "README.md").read_text()


@pytest.mark.parametrize("facts", [{"metrics": 3, "measures": [], "task": "x", "seeds": "y", "tokens": []}, {"a": {}}])
def test_facts_of_any_form_are_told(weights: bytes, tmp_path: Path, facts: dict[str, Any]) -> None:
    folder = star.export(tmp_path / "odd", GENOME, SPACE, SHAPE, weights, facts)
    assert (folder / "README.md").read_text().startswith(f"# {GENOME}\n")


EVIL = (
    "# x\n## two | <script>alert(1)</script> [a](http://b.c) ![i](j) `code` **bold** www.b.c\u202e\x00 https://b a@b.c"
)


def test_text_of_others_becomes_no_markup(exported: Any) -> None:
    plain = (exported() / "README.md").read_text()
    folder = exported(name=EVIL, task={"kind": EVIL, "corpus": EVIL}, more={EVIL: EVIL}, job="</x>" * 1000)
    text = (folder / "README.md").read_text()
    titles = re.findall(r"^#.*", text, re.MULTILINE)
    assert titles == [*re.findall(r"^#.*", plain, re.MULTILINE), "## Further facts"]
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for markup in ("<", "[a]", "![i]", "`code`", "**", "www.b", "http:", "https:", "a@b"):
        assert not re.search(rf"(?<!\\){re.escape(markup)}", outside.replace("](frontier.svg)", "")), markup
    assert not any(letter in text for letter in "\u202e\x00")
    assert max(map(len, text.splitlines())) < 1500


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3728.0, "3,728"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (None, "none"),
        ([], "none"),
        (["a_b", 2], "a_b, 2"),
        ("_a_", r"\_a\_"),
        (10**400, f"{10**400:,}"[:300] + "…"),
        ([[1], {"a": 2}], r"\[\[1\], {" + '"a"' + r"\: 2}\]"),
    ],
)
def test_values_are_written_for_people(value: Any, text: str) -> None:
    assert escaped(value) == text
