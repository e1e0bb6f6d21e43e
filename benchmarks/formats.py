"""Each format of an exported model, loaded where only its needs are installed: `python benchmarks/formats.py FOLDER`.

FOLDER is an export in the format `folder`, of a model of bytes, such as a winner of a search. It is written in every
format; for each a virtual environment of its own is made under `var/formats` with the packages that the format names,
and a process there loads the model and continues a prompt. All must give the same bytes. Reported are sizes and the
seconds until a model is loaded, imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reports.tables import table

import star
from star.export.formats import FORMATS

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "reports" / "formats.md"
SCRATCH = Path("var/formats")
LOADERS = Path(__file__).parent / "alone"

PROMPT, NEW = "import os\n\n\ndef main(", 32
"""What every format continues, and by how many bytes."""

ALONE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
"""The environment variables of a process that loads a model: nothing of the caller's."""

PAGE = """# Formats of an exported model: sizes and load times

`python benchmarks/formats.py FOLDER --write` wrote this page on {date}. The model is {genome}, {parameters:,}
parameters: {livs}. Each format was loaded in a virtual environment that has only the packages named, and their own
needs. Seconds are those from the start of a script until the model is loaded, imports included: the median of
{repeats} processes, least and most. All formats continued the prompt by the same {new} bytes: {agree}.

{rows}
"""


def measured(name: str, source: Path, repeats: int) -> dict[str, Any]:
    """Write one format, install its needs, and load it."""
    folder, environment = SCRATCH / name, SCRATCH / f"environment-{name}"
    star.convert(source, folder, name)
    size = _size(folder)
    python = _environment(environment, FORMATS[name].needs)
    command = [python, LOADERS / f"load_{name}.py", folder.resolve(), PROMPT, str(NEW)]
    runs, seconds = [], []
    for _ in range(repeats):
        began = time.time()
        runs.append(json.loads(_output(command)))
        seconds.append(runs[-1]["loaded"] - began)
    return {
        "bytes": size,
        "environment": _size(environment),
        "seconds": (statistics.median(seconds), min(seconds), max(seconds)),
        "tokens": runs[0]["tokens"],
    }


def _environment(folder: Path, needs: tuple[str, ...]) -> Path:
    """Make a virtual environment with these packages; `star` stands for this project."""
    python = folder.resolve() / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        packages = [str(ROOT) if need == "star" else need for need in needs]
        install: list[Any] = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", *packages]
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(install, check=True, env=own)  # noqa: S603  # our own table
    return python


def _output(command: list[Any]) -> str:
    """Run a command outside the repository, without its paths, and return what it prints last."""
    variables = ALONE | {"HOME": str(SCRATCH.resolve())}
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", env=variables)  # noqa: S603
    return found.stdout.strip().splitlines()[-1]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def written(source: Path, found: dict[str, dict[str, Any]], repeats: int) -> str:
    """Return the report in Markdown."""
    model = star.load(source)
    tokens = [one["tokens"] for one in found.values()]
    rows = [
        [
            f"`{name}`",
            ", ".join(FORMATS[name].needs),
            f"{one['bytes'] / 1e6:.2f}",
            f"{one['environment'] / 1e6:,.0f}",
            "{:.2f} ({:.2f} to {:.2f})".format(*one["seconds"]),
        ]
        for name, one in found.items()
    ]
    return PAGE.format(
        date=datetime.now(UTC).date().isoformat(),
        genome=f"`{json.loads((source / 'genome.json').read_text())['genome']}`",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        livs=", ".join(liv.liv_class.name for liv in model.blueprint.livs),
        repeats=repeats,
        new=NEW,
        agree="yes" if all(one == tokens[0] for one in tokens) else "NO",
        rows=table(["format", "needs", "folder, MB", "environment, MB", "seconds to load"], rows),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write docs/reports/formats.md")
    chosen = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    results = {}
    for format_name in FORMATS:
        shutil.rmtree(SCRATCH / format_name, ignore_errors=True)
        results[format_name] = measured(format_name, chosen.folder, chosen.repeats)
        print(format_name, {key: value for key, value in results[format_name].items() if key != "tokens"}, flush=True)
    page = written(chosen.folder, results, chosen.repeats)
    print(page)
    if chosen.write:
        REPORT.write_text(page, encoding="utf-8")
    sys.exit(0 if len({tuple(one["tokens"]) for one in results.values()}) == 1 else 1)
