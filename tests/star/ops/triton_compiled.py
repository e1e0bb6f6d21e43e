"""Compiles every kernel in every configuration ahead of time, without a GPU, and prints what was used as JSON.

A process of its own: it must run without TRITON_INTERPRET, and Triton's cache is its own too.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from star.ops.convolution import triton as gated
from star.ops.convolution import triton_short
from star.ops.convolution.triton_configuration import CONFIGURATIONS, Configuration
from star.ops.kernels import LONGEST_FILTER, LONGEST_RECOMPUTED


class Variant(NamedTuple):
    """Aligned: pointers, channels and pitches are multiples of 16, as they are for most shapes.

    The filter has a dtype of its own: in a model that computes in bfloat16 it is a parameter in float32.
    """

    dtype: str
    taps: int
    aligned: bool = True
    filter: str = "fp32"


TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
# What needs the most registers (float32, the longest filter) once; the filter in use everywhere.
VARIANTS = {
    "sm_80": (Variant("fp32", 3), Variant("bf16", 1)),
    "sm_90": (Variant("fp32", LONGEST_FILTER), Variant("bf16", 3, aligned=False)),
    "sm_100": (Variant("fp32", 3),),
    "gfx942": (Variant("bf16", 3),),
}


def kernels() -> dict[str, Any]:
    found = {
        name: thing
        for module in (gated, triton_short)
        for name, thing in vars(module).items()
        if name.endswith("_kernel")
    }
    assert all(isinstance(thing, JITFunction) for thing in found.values()), "TRITON_INTERPRET is set"
    return found


def source(kernel: Any, row: Configuration, variant: Variant) -> ASTSource:
    constants = {"W": variant.taps, "BLOCK_L": row.block_l, "BLOCK_D": row.block_d}
    if "SILU" in kernel.arg_names:
        constants |= {"SILU": True, "W": min(variant.taps, LONGEST_RECOMPUTED)}
    signature, aligned = {}, {}
    for number, name in enumerate(kernel.arg_names):
        integer = name in ("L", "D") or name.endswith("_pitch")
        dtypes = {"partial_PWD": "fp32", "h": variant.filter}
        pointer = f"*{dtypes.get(name, variant.dtype)}"
        signature[name] = "constexpr" if name in constants else "i32" if integer else pointer
        # The length is not specialised, so no compiled kernel may rest on its alignment.
        if variant.aligned and name not in constants and name != "L":
            aligned[(number,)] = [["tt.divisibility", 16]]
    return ASTSource(kernel, signature, constexprs=constants, attrs=aligned)


def usage(compiled: Any, target: GPUTarget) -> dict[str, int]:
    """Registers a thread and bytes or registers spilled."""
    if target.backend == "hip":
        counts = dict(re.findall(r"\.(vgpr_count|vgpr_spill_count|sgpr_spill_count):\s+(\d+)", compiled.asm["amdgcn"]))
        return {
            "registers": int(counts["vgpr_count"]),
            "spilled": int(counts["vgpr_spill_count"]) + int(counts["sgpr_spill_count"]),
        }
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        said = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    counts = dict(re.findall(r"\b(REG|STACK|LOCAL):(\d+)", said))
    return {"registers": int(counts["REG"]), "spilled": int(counts["STACK"]) + int(counts["LOCAL"])}


def rows() -> Iterator[dict[str, Any]]:
    for name, kernel in kernels().items():
        for chip, target in TARGETS.items():
            for variant in VARIANTS[chip]:
                for number, row in enumerate(CONFIGURATIONS):
                    options = {"num_warps": row.num_warps, "num_stages": row.num_stages}
                    compiled = triton.compile(source(kernel, row, variant), target=target, options=options)
                    yield {
                        "kernel": name,
                        "chip": chip,
                        "variant": variant,
                        "configuration": number,
                        "shared": compiled.metadata.shared,
                        "binary": len(compiled.asm["hsaco" if target.backend == "hip" else "cubin"]),
                        **usage(compiled, target),
                    }


if __name__ == "__main__":
    assert os.environ.get("TRITON_CACHE_DIR"), "set TRITON_CACHE_DIR: nothing is to be left in the user's cache"
    json.dump(list(rows()), sys.stdout)
