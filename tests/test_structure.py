"""Where things live: small files, small folders, and one sentence in every folder that says what belongs there."""

import ast
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 220
"""Lines of a Python file."""

FULLEST_FOLDER = 15
"""Files in one folder of a package, its subfolders not counted."""

PACKAGES = ("genome", "star", "evaluator", "search", "api")


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listed.splitlines() if (ROOT / line).is_file()]


def test_no_python_file_is_long():
    lines = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in _tracked("*.py")}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_folder_is_full():
    files = Counter(str(path.parent) for path in _tracked(*PACKAGES, "migrations", "benchmarks", "docs"))
    assert {folder: count for folder, count in files.items() if count > FULLEST_FOLDER} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_says_in_a_sentence_what_belongs_there(package):
    for init in _tracked(f"{package}/__init__.py", f"{package}/**/__init__.py"):
        said = ast.get_docstring(ast.parse((ROOT / init).read_text(encoding="utf-8")))
        assert said, init
        assert said.splitlines()[0].rstrip().endswith((".", ":")), init
