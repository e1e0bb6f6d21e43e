"""The README cannot drift: files, commands and presets that exist are named in it, and its example holds."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from api.cli.main import app
from genome import CLASSES, FEATURIZERS, FeaturizerGenome, Genome, LIVClass, OperatorGenome, Shape, Space
from genome.catalogue.parts import CONVOLVED
from genome.classes.alphabet import Repeat
from search.plan.presets import PRESETS
from star import check

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES = ("genome", "star", "evaluator", "search", "api", "migrations", "benchmarks")


def _tree():
    """Folders of the README's tree: indentation says which folder a line is in."""
    block = re.search(r"## The tree.*?```text\n(.*?)```", README, re.DOTALL)
    assert block
    folders: list[str] = []
    paths = set()
    for line in block[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name, *words = line.split()
        assert words, f"{name} has no word about it"
        folders = [*folders[:depth], name.rstrip("/")]
        paths.add("/".join(folders))
    return paths


def test_the_tree_is_the_tree():
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert folders - _tree() == set(), "these folders are missing in the README"
    assert [folder for folder in _tree() if not (ROOT / folder).is_dir()] == []


def test_every_command_is_shown():
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    names = command.commands
    assert [name for name in names if not re.search(rf"^(\S*bin/)?star {name}\b", README, re.MULTILINE)] == []


def test_every_preset_is_named():
    assert [name for name in PRESETS if name not in README] == []


def test_it_is_short_and_its_links_lead_somewhere():
    assert len(README.encode()) <= 12 * 1024
    pages = re.findall(r"\]\(([A-Za-z][^):]*)\)", README)
    assert pages
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def test_the_picture_is_there():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert [path for path in pictures if not (ROOT / path).is_file()] == []


@pytest.fixture
def example():
    """The two rows of "Add a class", as CONTRIBUTING.md writes them."""
    rows = re.search(r"```python\n(FeaturizerGenome.*?\))\n(LIVClass.*?\))\n```", CONTRIBUTING, re.DOTALL)
    assert rows
    names = {
        "FeaturizerGenome": FeaturizerGenome,
        "LIVClass": LIVClass,
        "OperatorGenome": OperatorGenome,
        "Repeat": Repeat,
        "replace": replace,
        "CONVOLVED": CONVOLVED,
    }
    return [eval(row, names) for row in rows.groups()]  # the page's own example


def test_a_class_is_one_row(example):
    featurizer, liv_class = example
    space = Space((*CLASSES, liv_class), (*FEATURIZERS, featurizer), depth=2)
    genome = Genome.parse(f"{liv_class.id}.1.2.1.1-{liv_class.id}.1.2.1.1")
    assert check(genome, space, Shape()).breaches == ()
