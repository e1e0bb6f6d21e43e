"""A kernel is compared with PyTorch before its first use on a device, and what came out is kept."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from star.ops import dispatch, trials, trust
from star.ops.convolution.causal import causal
from star.ops.kernels import KERNELS, ON_CPU, Kernel, Language

pytest.importorskip("triton", reason="triton is not installed on this platform")

CPU = torch.device("cpu")


def right(x_BLD, h_DW, silu):
    y_BLD = causal(x_BLD, h_DW)
    return F.silu(y_BLD) if silu else y_BLD


def wrong(x_BLD, h_DW, silu):
    """The output is right, and a gradient is not."""
    return right(x_BLD, h_DW.detach() + 1.1 * (h_DW - h_DW.detach()), silu)


def broken(x_BLD, h_DW, silu):
    raise RuntimeError("no kernel image\nand more")


def row(run):
    return Kernel("short_convolution", Language.TRITON, lambda *inputs: True, lambda: run, trials.SHORT_CONVOLUTION)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    trust.trusted.cache_clear()
    return tmp_path / "star" / "kernels"


def test_a_right_kernel_is_compared_once_by_a_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trust.trusted(row(right), CPU)
    assert len(list(folder.iterdir())) == 1
    assert trust.known_faults() == []

    trust.trusted.cache_clear()  # as in another process
    monkeypatch.setattr(trust, "_fault", lambda *arguments: "compared again")
    assert trust.trusted(row(right), CPU)


@pytest.mark.parametrize(
    ("kernel", "says"), [(wrong, "relative error of 0.1"), (broken, "RuntimeError: no kernel image")]
)
def test_another_one_is_refused_with_a_warning(kernel, says, caplog: pytest.LogCaptureFixture) -> None:
    refused = row(kernel)
    assert not trust.trusted(refused, CPU)
    assert not trust.trusted(refused, CPU)

    (line,) = caplog.messages
    assert line.startswith("the kernel of short_convolution in triton is not used on cpu: it ")
    assert says in line
    (known,) = trust.known_faults()
    assert (known["operator"], known["language"], known["device"]) == ("short_convolution", "triton", "cpu")
    assert says in known["fault"]


def test_what_another_version_found_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not trust.trusted(row(broken), CPU)
    trust.trusted.cache_clear()
    monkeypatch.setattr(torch, "__version__", "99")
    monkeypatch.setattr(trust, "_fault", lambda *arguments: "")
    assert trust.trusted(row(broken), CPU)


def test_each_kernel_of_an_operator_is_compared() -> None:
    def other(*inputs):
        return broken(*inputs)

    other.__module__ = "another.file"
    assert trust.trusted(row(right), CPU)
    assert not trust.trusted(row(other), CPU)
    assert trust.trusted(row(right), CPU)


def test_a_changed_source_in_any_folder_compares_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "sources" / "recurrence" / "tiles.py"
    source.parent.mkdir(parents=True)
    monkeypatch.setattr(trust, "SOURCES", tmp_path / "sources")
    source.write_text("right = True")
    assert trust.trusted(row(right), CPU)
    monkeypatch.setattr(trust, "_fault", lambda *arguments: "compared again")
    for text, known in (("right = True", True), ("right = False", False)):
        source.write_text(text)
        trust.trusted.cache_clear()
        assert trust.trusted(row(right), CPU) is known


def test_a_damaged_record_and_a_folder_that_cannot_be_made_cost_a_comparison(folder: Path) -> None:
    assert trust.trusted(row(right), CPU)
    (record,) = folder.iterdir()
    record.write_text("[")
    trust.trusted.cache_clear()
    assert trust.trusted(row(right), CPU)
    assert trust.known_faults() == []
    record.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    trust.trusted.cache_clear()
    assert trust.trusted(row(right), CPU)


def test_a_library_that_is_half_installed_is_refused_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("fla", reason="fla-core is not installed")
    per_head, per_key = (row for row in KERNELS if (row.operator, row.language) == ("delta_rule", Language.FLA))
    monkeypatch.setitem(sys.modules, "fla.ops.kda", None)  # as when a module that it needs is missing
    assert not trust.trusted(per_key, CPU)
    monkeypatch.setattr(trust, "_fault", lambda *arguments: "")
    assert trust.trusted(per_head, CPU)  # one that does not need it is compared for itself
    assert "the kernel of delta_rule in flash-linear-attention is not used" in caplog.text
    assert [known["fla-core"] for known in trust.known_faults()] == [version("fla-core")]


def test_pytorch_runs_where_a_kernel_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_fit", lambda language, device: True)
    monkeypatch.setattr(dispatch, "trusted", lambda row, device: False)
    monkeypatch.delenv("STAR_KERNELS", raising=False)
    x_BLD, h_DW = torch.randn(2, 9, 4), torch.randn(4, 3)
    assert dispatch.kernel("short_convolution", x_BLD, h_DW) is None
    torch.testing.assert_close(dispatch.short_convolution(x_BLD, h_DW, True), right(x_BLD, h_DW, True))


def test_each_kernel_for_a_gpu_can_be_compared() -> None:
    assert {row.language for row in KERNELS if not row.trials} == ON_CPU


def test_outputs_and_gradients_of_all_tensors_are_compared() -> None:
    """As for a recurrence, whose second output is the state that it hands over."""

    def meaning(x, y):
        return x * y, x + y

    def wrong_at(place):
        return lambda x, y: (x * (y + 0.1 * (y - y.detach())), x + y) if place else (x * y, 1.1 * (x + y))

    def drawn(generator, dtype):
        return [torch.randn(9, generator=generator).to(dtype) for _ in range(2)]

    trial = trials.Trial("pairs", meaning, drawn, lambda form, tensors: form(*tensors))
    for dtype, tolerance in trust.TOLERANCE.items():
        assert trust.error(trial, meaning, dtype, CPU) < tolerance
        for place in (0, 1):
            assert trust.error(trial, wrong_at(place), dtype, CPU) > 0.03
