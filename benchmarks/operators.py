"""Times of every class of the catalogue on this machine, and their growth with the length.

    python benchmarks/operators.py [--json var/benchmarks/operators.json] [--quick] [--classes SA-1,Rec-1]

Measurements use one thread, width 64, 4 heads, batch 8 and float32; times are processor times, medians of one run.
`structure` is the token mixing alone, forward and backward on features that a fresh LIV computes; for a differential
class it is one of the two LIVs. `LIV` is the whole operator with features and projections. The columns are:

    ms            time of the structure for 1,024 tokens
    LIV ms        time of the whole LIV for 1,024 tokens
    x loop        time of `mix`, the loop over tokens, divided by that of the structure on the same features: the least
                  times of both, run in turn, so that other work of the machine slows both alike
    / alone       time of attention without a window divided by that of `scaled_dot_product_attention` alone, on the
                  same features, without rotation; least times, run in turn
    growth        exponent fitted to the structure's time from 1,024 tokens to the longest length within the time limit,
                  which is printed after `to` and is at most 8,192 tokens
    step ms       time of one token of the LIV at position 4,096 and batch 1, after a prefill by one call
    / early       that time divided by the time at position 128; least times, run in turn
    memory        growth of the peak memory of the structure from 4,096 to 8,192 tokens, in a fresh process: 2 is linear
    matmul        FLOPs per second of the structure at 1,024 tokens as a share of the rate of matrix multiplication in
                  this run. Its FLOPs are three times those of decoding the tokens by `Structure.flops`; the share is
                  too small for a form that computes more (a masked triangle) and too large for an FFT
    cost ms       time of `star.cost` for 24 such LIVs at width 768

B batch, L tokens, D model width.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from on_cpu.operator_times import (
    ALONE,
    FULL,
    QUICK,
    SHAPE,
    Sizes,
    block_of,
    cost_seconds,
    decoding,
    exponent,
    forward_backward,
    gemm_rate,
    growth,
    in_turn,
    inputs,
    memory,
    seconds_of,
    structure_of,
    whole,
    work,
)

from genome import CLASSES, LIVClass

EXACT_ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
"""Settings of the processes that measure memory: glibc returns freed tensors at once, so peaks repeat to a percent."""


def measured(row: LIVClass, sizes: Sizes, rate: float, pool: ProcessPoolExecutor | None) -> dict[str, Any]:
    """Measure one row of the table, with times in milliseconds."""
    block, first = block_of(row), sizes.lengths[0]
    x_BLD = inputs(sizes.batch, first).requires_grad_()
    structure, features = structure_of(block, x_BLD.detach())
    times = growth(block, sizes)
    alone = ALONE.get((structure.operator.token_mixing, structure.operator.sparsity))
    mixes = [structure.fast, structure.mix] + ([alone] if alone else [])
    fast, slow, *least = in_turn([partial(forward_backward, mix, features) for mix in mixes], sizes)
    early, late = decoding(row, sizes)
    lengths = [length for length in sizes.lengths if length in times][-2:]
    peaks = [pool.submit(memory, row.id, sizes.batch, length).result() for length in lengths] if pool else None
    return {
        "id": row.id,
        "class": row.name,
        "structure": structure.operator.token_mixing.name.lower(),
        "structure_ms": 1e3 * times[first],
        "liv_ms": 1e3 * seconds_of(lambda: whole(block, x_BLD), sizes),
        "loop_ms": 1e3 * slow,
        "times_faster_than_loop": slow / fast,
        "over_alone": fast / least[0] if least else None,
        "ms_by_length": {str(length): 1e3 * seconds for length, seconds in times.items()},
        "longest": max(times),
        "growth_exponent": exponent(times) if len(times) > 1 else None,
        "step_ms": 1e3 * late,
        "step_late_over_early": late / early,
        "memory_lengths": lengths,
        "memory_bytes": peaks,
        "memory_growth": peaks[-1] / peaks[0] if peaks and len(peaks) == 2 and peaks[0] > 0 else None,
        "matmul_share": work(structure, sizes.batch, first) / rate / times[first],
        "cost_ms": 1e3 * cost_seconds(row, sizes),
    }


def machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"processor": models[0] if models else platform.processor() or platform.machine(), "cores": os.cpu_count()}


COLUMNS: tuple[tuple[str, int, Callable[[dict[str, Any]], str]], ...] = (
    ("class", 16, lambda row: row["class"]),
    ("structure", 15, lambda row: row["structure"]),
    ("ms", 8, lambda row: f"{row['structure_ms']:.2f}"),
    ("LIV ms", 8, lambda row: f"{row['liv_ms']:.2f}"),
    ("x loop", 8, lambda row: f"{row['times_faster_than_loop']:.1f}"),
    ("/ alone", 8, lambda row: "-" if row["over_alone"] is None else f"{row['over_alone']:.2f}"),
    ("growth", 16, lambda row: _growth_text(row)),
    ("step ms", 8, lambda row: f"{row['step_ms']:.3f}"),
    ("/ early", 8, lambda row: f"{row['step_late_over_early']:.2f}"),
    ("memory", 14, lambda row: _memory_text(row)),
    ("matmul", 8, lambda row: f"{100 * row['matmul_share']:.1f} %"),
    ("cost ms", 8, lambda row: f"{row['cost_ms']:.1f}"),
)


def _growth_text(row: dict[str, Any]) -> str:
    exponent_text = "-" if row["growth_exponent"] is None else f"{row['growth_exponent']:.2f}"
    return f"{exponent_text} to {row['longest']}"


def _memory_text(row: dict[str, Any]) -> str:
    return "-" if row["memory_growth"] is None else f"{row['memory_growth']:.2f} at {row['memory_lengths'][-1]}"


def line(row: dict[str, Any]) -> str:
    if "not_measured" in row:
        return f"{row['class']:16}  not measured: {row['not_measured']}"
    return "  ".join(f"{text(row):{width}}" for _, width, text in COLUMNS).rstrip()


def chosen(names: str | None) -> list[LIVClass]:
    """Return the classes of these comma-separated names, or all classes.

    Raises:
        ValueError: a name is not in the catalogue; the message lists the legal names.
    """
    if names is None:
        return list(CLASSES)
    by_name = {row.name: row for row in CLASSES}
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise ValueError(f"unknown classes: {', '.join(unknown)}; legal: {', '.join(by_name)}")
    return [by_name[name] for name in wanted]


def table(rows: Sequence[LIVClass], sizes: Sizes, rate: float) -> list[dict[str, Any]]:
    """Measure all rows and print each as soon as it is measured; a class that does not fit these sizes is skipped."""
    print("  ".join(f"{name:{width}}" for name, width, _ in COLUMNS).rstrip())
    results = []
    linux = Path("/proc/self/status").is_file()
    os.environ.update(EXACT_ALLOCATION)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as fresh:
        for row in rows:
            try:
                results.append(measured(row, sizes, rate, fresh if linux else None))
            except (ValueError, NotImplementedError) as error:
                results.append({"id": row.id, "class": row.name, "not_measured": str(error)})
            print(line(results[-1]), flush=True)
    return results


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument(
        "--json", type=Path, default=Path("var/benchmarks/operators.json"), help="file for the results"
    )
    options.add_argument("--quick", action="store_true", help="tiny sizes: a trial run that measures nothing")
    options.add_argument("--classes", metavar="NAMES", help="names joined by commas; all classes if not given")
    asked = options.parse_args()
    try:
        rows = chosen(asked.classes)
    except ValueError as error:
        options.error(str(error))
    torch.set_num_threads(1)
    sizes = QUICK if asked.quick else FULL
    rate = gemm_rate(sizes.gemm, sizes)
    about = {
        **machine(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "gemm_gflops": rate / 1e9,
        "quick": asked.quick,
        "sizes": {**SHAPE.to_json(), **asdict(sizes)},
    }
    print(
        f"{about['processor']}, {about['cores']} cores, one thread; torch {about['torch']}; {about['date']}; "
        f"matrix multiplication {about['gemm_gflops']:.1f} GFLOP/s"
    )
    results = table(rows, sizes, rate)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({**about, "rows": results}, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(f"Written: {asked.json}")


if __name__ == "__main__":
    main()
