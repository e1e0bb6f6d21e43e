"""Compiles the kernels of the chunked recurrence ahead of time, without a GPU, and prints what was used as JSON.

Those of the delta rule, which uses some of them, too. See `tests.star.ops.triton_compiled`, whose targets these are.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import triton
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from star.ops.delta_rule.triton_chunk import form as delta
from star.ops.delta_rule.triton_chunk import solve
from star.ops.delta_rule.triton_chunk import states as delta_states
from star.ops.recurrence.triton_chunk import keys, outputs, per_head, per_key, states
from star.ops.recurrence.triton_chunk.launches import LONGEST_CHUNK, Work, options
from tests.star.ops.triton_compiled import TARGETS, usage

MODULES = (states, outputs, keys, per_head, per_key, solve, delta_states)
LENGTH = 4096
INTEGERS, STRIDES = ("L", "H"), ("_batch", "_token", "_head")
DELTA = {name for module in (solve, delta_states) for name in vars(module) if name.endswith("_kernel")}
UNUSED = {True: {"mixing_kernel", "pairs_kernel"}, False: {"within_kernel", *DELTA}}
FEATURES = {"c", "b", "v", "dy", "y", "dv", "x", "z"}


class Variant(NamedTuple):
    """Dtype of the inputs, K and V, decays of a head. Aligned: pointers and strides are multiples of 16."""

    dtype: str
    channels: int
    rates: int
    aligned: bool = True


# Float32, as structures compute, and bfloat16; each size, with one decay a head and with one a key.
VARIANTS = {
    "sm_80": (Variant("fp32", 64, 1), Variant("fp32", 128, 128)),
    "sm_90": (Variant("fp32", 64, 1), Variant("fp32", 64, 64), Variant("bf16", 64, 1, aligned=False)),
    "sm_100": (Variant("fp32", 128, 1), Variant("bf16", 64, 64)),
    "gfx942": (Variant("fp32", 64, 1), Variant("fp32", 128, 128)),
}


def kernels() -> dict[str, Any]:
    found = {name: thing for module in MODULES for name, thing in vars(module).items() if name.endswith("_kernel")}
    assert all(isinstance(thing, JITFunction) for thing in found.values()), "TRITON_INTERPRET is set"
    return found


def source(kernel: Any, variant: Variant, backend: str, backward: bool) -> ASTSource:
    channels = (variant.channels, variant.channels, variant.rates)
    longest = delta.LONGEST_CHUNK if kernel.fn.__name__ in DELTA else LONGEST_CHUNK
    work = Work(16, LENGTH, 12, *channels, variant.dtype == "bf16", backend == "hip", longest)
    fixed = work.constants(kernel) | ({"BACKWARD": backward} if "BACKWARD" in kernel.arg_names else {})
    signature, aligned = {}, {}
    for number, name in enumerate(kernel.arg_names):
        integer = name in INTEGERS or name.endswith(STRIDES)
        pointer = f"*{variant.dtype if name in FEATURES else 'fp32'}"
        signature[name] = "constexpr" if name in fixed else "i32" if integer else pointer
        if variant.aligned and name not in (*fixed, *INTEGERS):
            aligned[(number,)] = [["tt.divisibility", 16]]
    return ASTSource(kernel, signature, constexprs=fixed, attrs=aligned)


def rows() -> Iterator[dict[str, Any]]:
    for chip, target in TARGETS.items():
        for variant in VARIANTS[chip]:
            for name, kernel in kernels().items():
                if name in UNUSED[variant.rates == 1]:
                    continue
                for backward in (False, True)[: 1 + ("BACKWARD" in kernel.arg_names)]:
                    made = source(kernel, variant, target.backend, backward)
                    compiled = triton.compile(made, target=target, options=options(kernel))
                    yield {
                        "kernel": name,
                        "chip": chip,
                        "variant": str(variant),
                        "shared": compiled.metadata.shared,
                        "binary": len(compiled.asm["hsaco" if target.backend == "hip" else "cubin"]),
                        **usage(compiled, target),
                    }


if __name__ == "__main__":
    assert os.environ.get("TRITON_CACHE_DIR"), "set TRITON_CACHE_DIR: nothing is to be left in the user's cache"
    json.dump(list(rows()), sys.stdout)
