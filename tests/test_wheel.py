"""A wheel, installed elsewhere, serves, searches and exports in an empty directory, without the source checkout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.client import ServiceError, Star
from tests.processes import eventually

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "genome", "star", "evaluator", "search", "api", "migrations")
PLAN = {
    "width": 16,
    "head_dim": 4,
    "space": {"depth": 2, "classes": ["SA-1", "GMemless"]},
    "candidates": 1,
    "budget": {"steps": 2, "batch": 2, "length": 16, "validation": 4, "warmup": 1},
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the packages as pip installs them from the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    tracked = subprocess.run(["git", "ls-files", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.splitlines()):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    _pip("install", "--no-deps", "--target", str(folder / "site"), str(wheel))
    return folder / "site"


def _pip(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _environment(installed: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(installed), "STAR_WORKERS": "1"}


@contextmanager
def _served(installed: Path, folder: Path) -> Iterator[Star]:
    command = [sys.executable, "-m", "api.cli", "serve", "--json", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(installed),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            with Star(json.loads(process.stdout.readline())["url"]) as client:
                eventually(lambda: _healthy(client))
                yield client
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


def _healthy(client: Star) -> bool:
    try:
        return bool(client.get("/healthz"))
    except ServiceError:
        return False


def test_it_serves_searches_and_exports_in_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    with _served(installed, tmp_path) as client:
        job = client.post("/v1/jobs", {"plan": PLAN})["id"]
        eventually(lambda: client.get(f"/v1/jobs/{job}")["done"] == 1, seconds=240)
        assert client.get(f"/v1/jobs/{job}/candidates/1")["failure"] is None
        exported = client.export(job, 1, tmp_path / "exported")
    code = (
        "import sys, star, torch\n"
        f"assert star.__file__.startswith({str(installed)!r}), star.__file__\n"
        "model = star.load(sys.argv[1])\n"
        "print(*model(torch.zeros(1, 8, dtype=torch.long)).shape)\n"
    )
    command = [sys.executable, "-c", code, str(exported)]
    done = subprocess.run(
        command, cwd=tmp_path, env=_environment(installed), capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1", "8", "256"], done.stderr


def test_it_holds_the_dashboard_the_migrations_and_the_compiled_recurrences(installed: Path) -> None:
    for file in ("api/dashboard/job/job.html", "migrations/script.py.mako", "migrations/env.py"):
        assert (installed / file).is_file(), file
    assert list((installed / "migrations" / "versions").rglob("0001_*.py"))
    assert not (installed / "tests").exists()
