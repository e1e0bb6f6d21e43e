"""The progress of a running search in the terminal."""

from __future__ import annotations

import time
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from api.cli.output import duration
from api.client import Star
from search.archive.values import TERMINAL

POLL_SECONDS = 0.5


def watch(client: Star, job_id: str) -> dict[str, Any]:
    """Show a search until it ends: live on a terminal, elsewhere a line for every change. Return the final job."""
    console = Console()
    if not console.is_terminal:
        return _lines(client, job_id)
    job = _job(client, job_id)
    with Live(_panel(job), console=console, refresh_per_second=4) as live:
        while job["state"] not in TERMINAL:
            time.sleep(POLL_SECONDS)
            job = _job(client, job_id)
            live.update(_panel(job))
    return job


def _lines(client: Star, job_id: str) -> dict[str, Any]:
    seen: tuple[str, int, str] | None = None
    while True:
        job = _job(client, job_id)
        if seen != (job["state"], job["outcomes"], job["why"]):
            seen = (job["state"], job["outcomes"], job["why"])
            typer.echo("  ".join(f"{name} {value}" for name, value in _facts(job)))
        if job["state"] in TERMINAL:
            return job
        time.sleep(POLL_SECONDS)


def _job(client: Star, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}")
    return job


def _facts(job: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("state", job["state"]),
        ("candidates", f"{job['done']}/{job['candidates_total']}"),
        ("failed", str(job["failed"])),
        ("trainings", str(job["outcomes"])),
        ("frontier", str(job["frontier_size"])),
        ("hypervolume", f"{job['hypervolume']:.4f}"),
        ("time left", duration(job["seconds_left"])),
        *([("why", job["why"])] if job["why"] else []),
    ]


def _panel(job: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(job):
        table.add_row(name, value)
    table.add_row("", ProgressBar(total=job["candidates_total"], completed=job["done"], width=40))
    return table
