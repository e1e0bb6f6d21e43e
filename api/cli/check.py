"""The command that checks the operator contract on a given genome or on random ones, in several processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, suppress
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.local import HeadDim, Vocab, Width, Window
from api.cli.output import BAD_INPUT, FAILED, INTERRUPTED, AsJson, duration, fail, show_facts, show_json
from genome.variation.class_sampling import Level

if TYPE_CHECKING:
    from genome import Genome, Shape, Space
    from star import Report

app = typer.Typer()

NEW_CLASSES = 3
"""Classes drawn for each random genome when operator or featurizer digits vary."""

CHECKED_WINDOW = 8
"""Default window in tokens. It is shorter than the sequences of the contract, so that its end is checked."""


@app.command()
def check(
    genome: Annotated[str | None, typer.Argument(metavar="[GENOME]", help="The genome to check.")] = None,
    random: Annotated[int, typer.Option(metavar="N", min=0, help="Check this many random legal genomes instead.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random genomes.")] = 0,
    levels: Annotated[Level, typer.Option(help="Lowest level of digits that vary in random genomes.")] = Level.BACKBONE,
    depth: Annotated[int, typer.Option(min=1, max=256, help="LIVs in a random genome.")] = 8,
    width: Width = 64,
    head_dim: HeadDim = None,
    vocab: Vocab = 256,
    window: Window = CHECKED_WINDOW,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = os.cpu_count() or 1,
    as_json: AsJson = False,
) -> None:
    """Build genomes and check that all forms of every operator agree. Exit with 1 on a breach."""
    if (genome is None) == (random == 0):
        fail("give either a GENOME or --random N")
    from api.costs import open_space, shape_for
    from genome import Genome, require_legal

    try:
        shape = shape_for(width, head_dim, vocab, window)
        if genome is None:
            report = _checked(list(_sampled(levels, depth, shape, random, seed)), shape, seed, workers, as_json)
        else:
            given = Genome.parse(genome)
            space = open_space(len(given.segments))
            require_legal(given, space)
            report = _checked([(given, space)], shape, seed, 1, as_json)
    except ValueError as error:
        fail(str(error), BAD_INPUT)
    _show_report(report, as_json)


def _sampled(level: Level, depth: int, shape: Shape, count: int, seed: int) -> Iterator[tuple[Genome, Space]]:
    """Yield random genomes with their spaces: of catalogue classes at the backbone level, else of new ones."""
    from numpy.random import default_rng

    from api.costs import open_space
    from genome import sample
    from genome.variation.class_sampling import random_space

    rng = default_rng(seed)
    for _ in range(count):
        named = level is Level.BACKBONE
        space = open_space(depth) if named else random_space(level, depth, NEW_CLASSES, shape, rng, allow_skip=True)
        yield sample(space, rng).genome, space


def _checked(
    pairs: Sequence[tuple[Genome, Space]], shape: Shape, seed: int, workers: int, as_json: bool
) -> dict[str, Any]:
    """Check the genomes and, unless JSON is wanted, print each breach when it is found. Ctrl-C ends the check early."""
    began, done = monotonic(), 0
    held: dict[str, int] = {}
    breaches: list[dict[str, Any]] = []
    reports = _reports(pairs, shape, seed, min(workers, len(pairs)))
    with suppress(KeyboardInterrupt), closing(reports):
        for (genome, space), report in zip(pairs, reports, strict=True):
            for name in report.checked:
                held[name] = held.get(name, 0) + (name in report.held)
            named = {str(n): space[n].name for n in {segment.liv_class for segment in genome.segments} - {0}}
            facts = {"genome": str(genome), "classes": named, "space": space.to_json()}
            breaches += [
                {"breach": str(breach), "check": breach.check, "detail": breach.detail, **facts}
                for breach in report.breaches
            ]
            if not as_json:
                for breach in report.breaches:
                    typer.echo(f"BREACH {genome} ({', '.join(named.values())}): {breach}")
            done += 1
            _progress(done, len(pairs), len(breaches), monotonic() - began)
    return {"asked": len(pairs), "genomes": done, "ok": not breaches, "held": held, "breaches": breaches}


def _reports(
    pairs: Sequence[tuple[Genome, Space]], shape: Shape, seed: int, workers: int
) -> Generator[Report, None, None]:
    """Yield a report for each genome, in order. Each of several workers is a process with one thread."""
    import star

    run = partial(star.check, shape=shape, seed=seed)
    if workers == 1:
        yield from (run(genome, space) for genome, space in pairs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_as_worker) as pool:
        try:
            yield from pool.map(run, *zip(*pairs, strict=True))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _as_worker() -> None:
    """Prepare a worker process: it has one thread, ignores Ctrl-C and ends when its parent ends."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(FAILED)


def _progress(done: int, total: int, breaches: int, seconds: float) -> None:
    """Print the progress: on a terminal one line that is overwritten, elsewhere ten lines in total."""
    line = f"{done}/{total} genomes checked, {breaches} breaches, {duration(seconds)}"
    if sys.stderr.isatty():
        typer.echo(f"\r{line}", err=True, nl=done == total)
    elif done == total or done % max(1, total // 10) == 0:
        typer.echo(line, err=True)


def _show_report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(report)
    else:
        show_facts((name, f"held by {count} of {report['genomes']}") for name, count in report["held"].items())
    if report["genomes"] < report["asked"]:
        fail(f"interrupted after {report['genomes']} of {report['asked']} genomes", INTERRUPTED)
    if not report["ok"]:
        fail(f"{len(report['breaches'])} breaches in {report['genomes']} genomes", FAILED)
