"""Ratios of processor times, from pairs that follow one another, and peaks of memory."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from on_cpu.operator_times import once, process_bytes
from peering.pair import Pair, Row, Side, Sizes

LEAST_SECONDS = 0.02
"""The seconds that one side of a pair takes at least: quicker work is repeated."""
TOKENS = 32
"""Tokens that follow one another where decoding is measured."""
DECIDED, FEWEST = 0.25, 3
"""After so many pairs whose ratios are all below this, no more are measured."""
M_MMAP_THRESHOLD, THRESHOLD = -3, 2**16
"""Blocks above this many bytes leave the process when they are freed, as `mallopt` of glibc is told."""


def measured(row: Row, sizes: Sizes, pairs: int) -> dict[str, Any]:
    """Measure a row at these sizes.

    Raises:
        ValueError: the outputs have different shapes.
    """
    pair = row.build(sizes)
    shapes = [tuple(side.run().shape) for side in pair]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{row.name}: our output is {shapes[0]}, the peer's {shapes[1]}")
    times = _in_turn(pair, pairs, decoded=row.compared == "token")
    ratios = _ratios(times)
    peaks = [None, None] if row.compared == "token" else [_peak_bytes(side.work) for side in pair]
    milliseconds = [1e3 * statistics.median(side) for side in zip(*times, strict=True)]
    return {
        "row": row.name,
        "differs": row.differs,
        **sizes._asdict(),
        "pairs": len(times),
        "parameters": [side.parameters for side in pair],
        "milliseconds": milliseconds,
        "ratio": statistics.median(ratios),
        "least": ratios[0],
        "most": ratios[-1],
        "peak_bytes": peaks,
        "memory_ratio": peaks[0] / peaks[1] if peaks[0] and peaks[1] else None,
    }


def _ratios(times: list[tuple[float, float]]) -> list[float]:
    return sorted(ours / peer for ours, peer in times)


def _in_turn(pair: Pair, pairs: int, decoded: bool) -> list[tuple[float, float]]:
    """Return the seconds of both sides, pair by pair; every second pair begins with the peer."""
    repeats = [TOKENS, TOKENS] if decoded else [_repeats(side) for side in pair]
    times: list[tuple[float, float]] = []
    gc.collect()
    gc.disable()
    try:
        while len(times) < pairs and not (len(times) == FEWEST and _ratios(times)[-1] < DECIDED):
            order = (0, 1) if len(times) % 2 == 0 else (1, 0)
            taken = {index: _seconds(pair[index], repeats[index]) for index in order}
            times.append((taken[0], taken[1]))
    finally:
        gc.enable()
    return times


def _repeats(side: Side) -> int:
    """Run a side twice, and return how often it runs in the least seconds."""
    side.work()
    return max(1, math.ceil(LEAST_SECONDS / max(once(side.work), 1e-6)))


def _seconds(side: Side, repeats: int) -> float:
    side.before()
    return once(lambda: [side.work() for _ in range(repeats)]) / repeats


def _peak_bytes(work: Callable[[], Any]) -> int | None:
    """Measure the most bytes that work holds, in a child process that begins with everything that is there now.

    None where this is no Linux.
    """
    if sys.platform != "linux":
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(_peak_here(work)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return int(said) if said else None


def _peak_here(work: Callable[[], Any]) -> int:
    """Measure a second run: during the first, a child maps the pages of libraries again."""
    work()
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, THRESHOLD)
        library.malloc_trim(0)
    before = process_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    work()
    return process_bytes("VmHWM") - before
