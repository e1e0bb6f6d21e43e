"""How fast every class of the catalogue is on this machine, and how that grows with the length.

    python benchmarks/operators.py [--json var/benchmarks/operators.json] [--quick] [--classes SA-1,Rec-1]

One thread, width 64, 4 heads, batch 8, float32; processor time, medians of one run. `structure` is the token mixing
alone, forward and backward on features as a fresh LIV computes them; of a differential class it is one branch. `LIV` is
the whole operator with features and projections (and both branches). The columns:

    ms            structure, 1,024 tokens
    LIV ms        the whole LIV, 1,024 tokens
    x loop        how many times faster the structure is than `mix`, the loop over tokens, on the same features: the
                  least times of both, run in turn, so that what else a machine does falls on both alike
    / alone       attention without a window against `scaled_dot_product_attention` alone, on the same features, without
                  rotation; least times, run in turn
    growth        exponent fitted to the structure's time from 1,024 to 8,192 tokens; `to N` where it was stopped since
                  the next length would have taken longer than the limit
    step ms       one token of the LIV at position 4,096 and batch 1, after a prefill by one call
    / early       that against the same at position 128; least times, run in turn
    memory        growth of the peak memory of the structure from 4,096 to 8,192 tokens, in a fresh process: 2 is linear
    matmul        share of the matrix-multiplication rate measured in this run that the structure reaches at 1,024
                  tokens. Its work is three times what decoding those tokens takes by `Structure.flops`; a form that
                  computes more than that (a masked triangle) shows less, one that computes less (an FFT) more
    cost ms       `star.cost` of 24 such LIVs at width 768
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
from operator_times import (
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
"""For the processes that measure memory: glibc returns freed tensors at once, so peaks repeat to a percent."""


def measured(row: LIVClass, sizes: Sizes, rate: float, pool: ProcessPoolExecutor | None) -> dict[str, Any]:
    """One row of the table; times in milliseconds."""
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
    """Raises:
    ValueError: a name is not in the catalogue; the message lists the legal ones.
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
    """Prints each line as soon as it is there. A class that does not fit these sizes says so and is passed over."""
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
    options.add_argument("--json", type=Path, default=Path("var/benchmarks/operators.json"), help="where results go")
    options.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    options.add_argument("--classes", metavar="NAMES", help="names with commas between them; all if not given")
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
