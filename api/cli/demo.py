"""`star demo`: the whole journey on one machine, through the public API, ending with models that write code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from api.cli.client import Client, ServiceError
from api.cli.output import FAILED, INTERRUPTED, fail, measured, show_table
from api.cli.watch import watch
from api.process.supervisor import end, start

START_SECONDS = 60.0
STOP_SECONDS = 40.0
PROMPT = "def "

GENERATE = """
import sys, torch, star
model = star.load(sys.argv[1])
prompt_BL = torch.tensor([list(sys.argv[2].encode())])
tokens_BL = model.generate(prompt_BL, 160, temperature=0.7, seed=0)
print(bytes(tokens_BL[0].tolist()).decode(errors="replace"))
"""


def demo(port: int, workers: int, candidates: int | None, steps: int | None, leave: bool, folder: Path) -> None:
    """Serve, search, export two winners, generate with them; then end (`leave`) or serve on until Ctrl-C.

    Everything is kept in a new directory below `folder`. Exits with 1 when the search does not
    succeed, with 130 when it is interrupted.
    """
    home = folder / time.strftime("%Y%m%d-%H%M%S")
    home.mkdir(parents=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _service(home, port, workers) as client:
            job = _submit(client, candidates, steps)
            job = watch(client, job["id"])
            if job["state"] != "succeeded":
                fail(f"the search {job['state']}: {job['why'] or 'no reason given'}", FAILED)
            _show_winners(client, job, home)
            if not leave:
                _serve_on(f"{client.url}/jobs/{job['id']}")
    except ServiceError as error:
        fail(f"{error}; the service's own words are in {home / 'serve.log'}", FAILED)
    except KeyboardInterrupt:
        fail("stopped before the search was done; nothing is left running", INTERRUPTED)


def _serve_on(page: str) -> None:
    typer.echo(f"serving on at {page}; Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _interrupt(sig: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _service(home: Path, port: int, workers: int) -> Iterator[Client]:
    """`star serve` in a process of its own, ended with this one."""
    port = port or _free_port()
    settings = {
        "STAR_HOST": "127.0.0.1",
        "STAR_PORT": str(port),
        "STAR_WORKERS": str(workers),
        "STAR_DATABASE_URL": f"sqlite:///{home / 'star.db'}",
        "STAR_ARTIFACTS": str(home / "artifacts"),
    }
    with (home / "serve.log").open("wb") as log:
        child = start([sys.executable, "-m", "api.cli", "serve", "--supervised"], settings, log)
        try:
            client = Client(f"http://127.0.0.1:{port}")
            _await_health(client, child)
            yield client
        finally:
            end(child, signal.SIGINT, STOP_SECONDS)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _await_health(client: Client, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/healthz")
            return
        except ServiceError:
            if child.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _submit(client: Client, candidates: int | None, steps: int | None) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    if candidates is not None:
        plan["candidates"] = candidates
    if steps is not None:
        plan["budget"] = {"steps": steps, "warmup": max(1, steps // 10)}
    job: dict[str, Any] = client.post("/v1/jobs", {"preset": "laptop", "name": "demo", "plan": plan})
    typer.echo(f"dashboard: {client.url}/jobs/{job['id']}")
    return job


def _show_winners(client: Client, job: dict[str, Any], home: Path) -> None:
    """Compare the winners with the baselines, take them out, and let each write in a fresh process."""
    quality = job["plan"]["objectives"][0]
    frontier = client.get(f"/v1/jobs/{job['id']}/frontier")["candidates"]
    if not frontier:
        fail("the search succeeded with an empty frontier: every candidate failed", FAILED)
    winners = {
        "best quality": min(frontier, key=lambda one: one["metrics"][quality]),
        "smallest cache": min(frontier, key=lambda one: (one["metrics"]["cache_bytes"], one["metrics"][quality])),
    }
    _compare(client, job, winners)
    for title, winner in winners.items():
        exported = client.export(job["id"], winner["number"], home / "exports")
        typer.echo(f"\n{title}: candidate {winner['number']} is in {exported}; given {PROMPT!r} it writes:")
        typer.echo(_generated(exported))


def _compare(client: Client, job: dict[str, Any], winners: dict[str, Any]) -> None:
    columns = client.get(f"/v1/jobs/{job['id']}/points")
    numbers = [(name, number) for name, number in zip(columns["baseline"], columns["number"], strict=True) if name]
    shown = [(title, winner["number"]) for title, winner in winners.items()] + numbers
    metrics = [*job["plan"]["objectives"], "decode_ms"]
    rows = []
    for title, number in shown:
        found = client.get(f"/v1/jobs/{job['id']}/candidates/{number}")
        livs = " ".join(liv["name"] for liv in found["blueprint"])
        rows.append([title, str(number), *(measured(one, found["metrics"]) for one in metrics), livs])
    show_table("Winners and baselines", ("", "candidate", *metrics, "LIVs"), rows)


def _generated(exported: Path) -> str:
    command = [sys.executable, "-c", GENERATE, str(exported), PROMPT]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - ours
    if done.returncode:
        fail(f"{exported} does not load: {(done.stderr.splitlines() or ['no reason given'])[-1]}", FAILED)
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "·" for letter in done.stdout)
