"""The pinned versions can be installed together on an ordinary machine, where pip takes the CUDA build of torch."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

CUDA_WHEEL_METADATA = """\
Name: torch
Version: 2.13.0
Requires-Dist: triton==3.7.1; platform_system == "Linux" and python_version < "3.15"
"""
"""Of the metadata of the CUDA build of torch that the index serves for Linux, the lines that concern these tests."""


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_triton_is_the_one_that_the_cuda_build_of_torch_requires():
    pins = _pins()
    assert f"Version: {pins['torch']}\n" in CUDA_WHEEL_METADATA, "record the metadata of the new torch here"
    required = re.search(r"Requires-Dist: triton==([\d.]+)", CUDA_WHEEL_METADATA)
    assert required
    assert pins["triton"] == required[1]
