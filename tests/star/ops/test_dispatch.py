"""Which form runs: the kernel or the structure's PyTorch form."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from star.ops import dispatch, library
from star.ops.dispatch import forced, kernel
from star.ops.kernels import KERNELS, Kernel, Language
from star.ops.recurrence.inputs import Inputs


def features(dtype: torch.dtype = torch.float32, taps: int = 3, device: str = "cpu") -> list[Tensor]:
    gates = [torch.zeros(2, 5, 4, dtype=dtype, device=device) for _ in range(3)]
    return [*gates, torch.zeros(4, taps, dtype=dtype, device=device)]


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors of the meta device stand for a fit GPU: what is decided before a kernel starts needs none."""
    monkeypatch.setattr(dispatch, "_fit", lambda language, device: device.type == "meta")
    monkeypatch.setattr(dispatch, "_require_runnable", lambda device: None)
    monkeypatch.setattr(dispatch, "trusted", lambda row, device: True)
    monkeypatch.delenv("STAR_KERNELS", raising=False)


@pytest.mark.usefixtures("on_gpu")
def test_auto_takes_the_kernel_on_a_gpu_only() -> None:
    pytest.importorskip("triton", reason="triton is not installed on this platform")
    from star.ops.convolution.triton import gated_short_conv

    assert kernel("gated_convolution", *features()) is None
    assert kernel("gated_convolution", *features(device="meta")) is gated_short_conv
    with forced("torch"):
        assert kernel("gated_convolution", *features(device="meta")) is None
        with forced("auto"):
            assert kernel("gated_convolution", *features(device="meta")) is gated_short_conv
    assert kernel("gated_convolution", *features(device="meta")) is gated_short_conv


@pytest.mark.usefixtures("on_gpu")
def test_the_first_kernel_that_supports_fits_and_is_trusted_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(run: Callable[..., Any], language: Language, longest: int) -> Kernel:
        return Kernel("many", language, lambda x: len(x) <= longest, lambda: run)

    compiled, short, long = sum, min, max  # any three functions
    rows = (row(compiled, Language.C, 9), row(short, Language.TRITON, 2), row(long, Language.TRITON, 4))
    monkeypatch.setattr(dispatch, "KERNELS", (Kernel("other", Language.C, lambda x: True, lambda: abs), *rows))
    devices = {Language.C: "cpu", Language.TRITON: "meta"}
    monkeypatch.setattr(dispatch, "_fit", lambda language, device: device.type == devices[language])

    def taken(length: int, device: str) -> Any:
        return kernel("many", torch.zeros(length, device=device))

    assert [taken(n, "cpu") for n in (1, 9, 10)] == [compiled, compiled, None]
    assert [taken(n, "meta") for n in (1, 3, 5)] == [short, long, None]
    with forced("triton"):
        assert [taken(1, "cpu"), taken(3, "cpu"), taken(5, "cpu"), taken(3, "meta")] == [short, long, None, long]
    monkeypatch.setattr(dispatch, "trusted", lambda row, device: row is not rows[1])
    assert [taken(n, "meta") for n in (1, 3)] == [long, long]
    with forced("triton"):
        assert taken(1, "meta") is short


def matrix_states(
    dtype: torch.dtype = torch.float32, keys: int = 16, values: int = 8, decays: int = 1
) -> tuple[Inputs, Tensor]:
    shapes = [(1, keys), (1, keys), (3, decays), (3, 1), (3, values)]
    inputs = Inputs(*(torch.zeros(2, 5, *shape, dtype=dtype, device="meta") for shape in shapes))
    return inputs, torch.zeros(2, 3, keys, values, device="meta")


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize(("operator", "per_key"), [("recurrence", "recurrence"), ("delta_rule", "delta_rule_per_key")])
def test_flash_linear_attention_is_taken_where_it_is_installed(
    operator: str, per_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(row for row in KERNELS if row.language is Language.FLA)
    monkeypatch.setattr(dispatch, "KERNELS", rows)  # without ours, which come first
    assert kernel(operator, *matrix_states()) is getattr(library, operator)
    assert kernel(operator, *matrix_states(decays=16)) is getattr(library, per_key)
    assert kernel(operator, *matrix_states(torch.bfloat16)) is getattr(library, operator)
    assert kernel(operator, *matrix_states(torch.float64)) is None
    assert kernel(operator, *matrix_states(keys=512)) is None
    with forced("triton"):
        assert kernel(operator, *matrix_states()) is None


@pytest.mark.usefixtures("on_gpu")
def test_a_delta_rule_with_a_decay_for_each_key_takes_no_triton_kernel_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="triton is not installed on this platform")
    monkeypatch.setattr(dispatch, "_fit", lambda language, device: language is Language.TRITON)
    assert kernel("delta_rule", *matrix_states()) is not None
    assert kernel("recurrence", *matrix_states(decays=16)) is not None
    assert kernel("delta_rule", *matrix_states(decays=16)) is None
    with forced("triton"):
        assert kernel("delta_rule", *matrix_states(decays=16)) is None


@pytest.mark.parametrize("missing", ["triton", "fla"])
def test_a_library_fits_where_it_and_what_it_needs_are_installed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(dispatch, "_installed", lambda module: True)
    fit = dispatch._fit.__wrapped__
    assert fit(Language.FLA, torch.device("cuda"))
    assert not fit(Language.FLA, torch.device("cpu"))
    monkeypatch.setattr(dispatch, "_installed", lambda module: module != missing)
    assert not fit(Language.FLA, torch.device("cuda"))


def change(place: int, tensor: Tensor) -> list[Tensor]:
    changed = features(device="meta")
    changed[place] = tensor
    return changed


UNSUPPORTED = {
    "another structure": ("low_rank", features(device="meta")),
    "an unknown structure": ("nothing", features(device="meta")),
    "no features": ("gated_convolution", []),
    "three features": ("gated_convolution", features(device="meta")[:3]),
    "float64": ("gated_convolution", features(torch.float64, device="meta")),
    "float16": ("gated_convolution", features(torch.float16, device="meta")),
    "a long filter": ("gated_convolution", features(taps=9, device="meta")),
    "no filter": ("gated_convolution", features(taps=0, device="meta")),
    "gates of two dtypes": ("gated_convolution", change(1, torch.zeros(2, 5, 4, dtype=torch.bfloat16, device="meta"))),
    "gates of two shapes": ("gated_convolution", change(2, torch.zeros(2, 6, 4, device="meta"))),
    "a filter of other channels": ("gated_convolution", change(3, torch.zeros(5, 3, device="meta"))),
    "a filter elsewhere": ("gated_convolution", change(3, torch.zeros(4, 3))),
    "no tokens": ("gated_convolution", [torch.zeros(2, 0, 4, device="meta")] * 3 + [torch.zeros(4, 3, device="meta")]),
    "heads": ("gated_convolution", [torch.zeros(2, 5, 2, 2, device="meta")] * 3 + [torch.zeros(2, 3, device="meta")]),
}


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("what", UNSUPPORTED)
@pytest.mark.parametrize("mode", dispatch.MODES)
def test_what_no_kernel_supports_falls_back(mode: str, what: str) -> None:
    structure, inputs = UNSUPPORTED[what]
    with forced(mode):
        assert kernel(structure, *inputs) is None


@pytest.mark.usefixtures("on_gpu")
def test_the_environment_chooses_and_the_context_manager_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="triton is not installed on this platform")
    monkeypatch.setenv("STAR_KERNELS", "torch")
    assert kernel("gated_convolution", *features(device="meta")) is None
    with forced("auto"):
        assert kernel("gated_convolution", *features(device="meta")) is not None
    monkeypatch.setenv("STAR_KERNELS", "")
    assert kernel("gated_convolution", *features(device="meta")) is not None


def test_an_unknown_mode_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'cuda'; legal: auto, triton, torch"), forced("cuda"):
        pass
    monkeypatch.setenv("STAR_KERNELS", "fast")
    with pytest.raises(ValueError, match="STAR_KERNELS is 'fast'; legal: auto, triton, torch"):
        kernel("gated_convolution", *features())


def test_forcing_the_kernel_where_none_can_run_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(dispatch, "_installed", lambda module: True)
    with forced("triton"), pytest.raises(RuntimeError, match=r"for tensors on cpu; .*TRITON_INTERPRET=1"):
        kernel("gated_convolution", *features())
    monkeypatch.setattr(dispatch, "_installed", lambda module: False)
    with forced("triton"), pytest.raises(RuntimeError, match="not installed"):
        kernel("gated_convolution", *features())


@pytest.mark.slow
def test_star_works_without_triton_and_does_not_ask_for_it() -> None:
    code = """
import sys
import torch, star
from genome import Genome, Shape, Space, decode
assert "triton" not in sys.modules
sys.modules["triton"] = None  # from here on as if it were not installed: importing it raises ImportError
space = Space.of(["GConv-1"], depth=1)
model = star.build(decode(Genome.parse("7.1.1.1.1"), space), Shape(width=16, head_dim=16, vocab=8), seed=0)
model(torch.zeros(1, 5, dtype=torch.int64)).sum().backward()
assert "star.ops.convolution.triton" not in sys.modules
"""
    kept = {name: value for name, value in os.environ.items() if name not in ("TRITON_INTERPRET", "STAR_KERNELS")}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
