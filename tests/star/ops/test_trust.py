"""A kernel is compared with PyTorch before its first use on a device, and what came out is kept."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from star.ops import dispatch, trust
from star.ops.convolution.causal import causal

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


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    trust.trusted.cache_clear()
    return tmp_path / "star" / "kernels"


def test_a_right_kernel_is_compared_once_by_a_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trust.trusted("short_convolution", right, CPU)
    assert len(list(folder.iterdir())) == 1
    assert trust.known_faults() == []

    trust.trusted.cache_clear()  # as in another process
    monkeypatch.setattr(trust, "_fault", lambda *arguments: "compared again")
    assert trust.trusted("short_convolution", right, CPU)


@pytest.mark.parametrize(
    ("kernel", "says"), [(wrong, "relative error of 0.1"), (broken, "RuntimeError: no kernel image")]
)
def test_another_one_is_refused_with_a_warning(kernel, says, caplog: pytest.LogCaptureFixture) -> None:
    assert not trust.trusted("short_convolution", kernel, CPU)
    assert not trust.trusted("short_convolution", kernel, CPU)

    (line,) = caplog.messages
    assert line.startswith("the kernel of short_convolution is not used on cpu: it ")
    assert says in line
    (known,) = trust.known_faults()
    assert says in known["fault"]


def test_what_another_version_found_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not trust.trusted("short_convolution", broken, CPU)
    trust.trusted.cache_clear()
    monkeypatch.setattr(torch, "__version__", "99")
    monkeypatch.setattr(trust, "_fault", lambda *arguments: "")
    assert trust.trusted("short_convolution", broken, CPU)


def test_a_damaged_record_and_a_folder_that_cannot_be_made_cost_a_comparison(folder: Path) -> None:
    assert trust.trusted("short_convolution", right, CPU)
    (record,) = folder.iterdir()
    record.write_text("[")
    trust.trusted.cache_clear()
    assert trust.trusted("short_convolution", right, CPU)
    assert trust.known_faults() == []
    record.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    trust.trusted.cache_clear()
    assert trust.trusted("short_convolution", right, CPU)


def test_pytorch_runs_where_a_kernel_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_fit", lambda language, device: True)
    monkeypatch.setattr(dispatch, "trusted", lambda operator, run, device: False)
    monkeypatch.delenv("STAR_KERNELS", raising=False)
    x_BLD, h_DW = torch.randn(2, 9, 4), torch.randn(4, 3)
    assert dispatch.kernel("short_convolution", x_BLD, h_DW) is None
    torch.testing.assert_close(dispatch.short_convolution(x_BLD, h_DW, True), right(x_BLD, h_DW, True))


def test_each_triton_kernel_can_be_compared() -> None:
    triton = {name for name, row in dispatch._KERNELS.items() if row.language is dispatch._Language.TRITON}
    assert triton == set(trust.TRIALS)
