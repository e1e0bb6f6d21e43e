"""Compiles the scan's kernels ahead of time, without a GPU, and prints what was used as JSON.

See `tests.star.ops.triton_compiled`, whose targets these are too.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import triton
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from star.ops.recurrence import triton_scan, triton_scan_backward, triton_scan_forward, triton_spans
from star.ops.recurrence.inputs import Inputs
from tests.star.ops.triton_compiled import TARGETS, usage

MODULES = (triton_scan_forward, triton_scan_backward, triton_spans)
HEADS = 768


class Variant(NamedTuple):
    """Dtype of the inputs, K, whether heads share c and b, decays of a head, and whether each token has its own.

    Aligned: pointers and sizes are multiples of 16, as they are for most shapes.
    """

    dtype: str
    keys: int
    shared: bool
    rates: int
    of_token: bool
    aligned: bool = True


CONSTANT, OF_TOKEN = Variant("fp32", 16, True, 16, False), Variant("fp32", 1, False, 1, True)
# Mamba-1 (16 shared keys, constant decays) and HGRN (one key, a decay a token) in float32, as structures compute.
VARIANTS = {
    "sm_80": (CONSTANT, OF_TOKEN, CONSTANT._replace(aligned=False)),
    "sm_90": (CONSTANT, CONSTANT._replace(dtype="bf16"), Variant("fp32", 16, False, 16, True), OF_TOKEN),
    "sm_100": (CONSTANT, Variant("bf16", 4, True, 1, True), Variant("fp32", 32, True, 32, False)),
    "gfx942": (CONSTANT, OF_TOKEN),
}


def kernels() -> dict[str, Any]:
    found = {name: thing for module in MODULES for name, thing in vars(module).items() if name.endswith("_kernel")}
    assert all(isinstance(thing, JITFunction) for thing in found.values()), "TRITON_INTERPRET is set"
    return found


def source(kernel: Any, variant: Variant) -> ASTSource:
    groups, tokens = 1 if variant.shared else HEADS, 4096 if variant.of_token else 1
    shapes = [(4096, groups, variant.keys)] * 2 + [(tokens, HEADS, variant.rates)] + [(4096, HEADS, 1)] * 2
    cut = triton_scan.cut(Inputs(*(torch.empty(16, *shape, device="meta") for shape in shapes)))
    made: dict[str, Any] = {"K": variant.keys, "R": variant.rates, "SHARED": variant.shared} | cut.sizes
    made |= {"OF_TOKEN": variant.of_token, "KEPT": triton_scan.KEPT, "KEEP": True, "BACKWARD": True, "BLOCK": 128}
    constants = {name: made[name] for name in kernel.arg_names if name in made}
    features = {"c", "b", "a", "d", "v", "y", "dy", "dd", "dv"} | (set() if variant.shared else {"dc", "db"})
    signature, aligned = {}, {}
    for number, name in enumerate(kernel.arg_names):
        integer = name in ("L", "H", "span", "spans", "elements") or name.endswith(("_batch", "_token"))
        pointer = f"*{variant.dtype if name in features else 'fp32'}"
        signature[name] = "constexpr" if name in constants else "i32" if integer else pointer
        if variant.aligned and name not in (*constants, "L", "span", "spans"):
            aligned[(number,)] = [["tt.divisibility", 16]]
    return ASTSource(kernel, signature, constexprs=constants, attrs=aligned)


def rows() -> Iterator[dict[str, Any]]:
    for chip, target in TARGETS.items():
        for variant in VARIANTS[chip]:
            for name, kernel in kernels().items():
                options = {"num_warps": 1, "num_stages": 1}
                compiled = triton.compile(source(kernel, variant), target=target, options=options)
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
