"""Products through oneDNN are those of PyTorch but for rounding, and a machine decides once which it takes.

B sequences, L tokens, I and O channels in and out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import star
from genome import Shape, decode
from star.ops import products
from star.ops.dispatch import forced, linear
from star.ops.forms import observed
from tests.star.export.programs import stack_of

LARGE = (16, 128, 64, 80)
"""A product of which oneDNN computes the output and both gradients."""

pytestmark = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this PyTorch is built without oneDNN"
)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine on which nothing is known yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    products.faster.cache_clear()
    yield tmp_path / "star" / "products"
    products.faster.cache_clear()


def drawn(sizes: tuple[int, int, int, int], dtype: torch.dtype = torch.float32) -> list[Tensor]:
    batch, length, into, out = sizes
    generator = torch.Generator().manual_seed(0)
    tensors = ((batch, length, into), (out, into), (batch, length, out))
    return [torch.randn(size, generator=generator, dtype=torch.float64).to(dtype) for size in tensors]


def results(product, x_BLI: Tensor, weight_OI: Tensor, dy_BLO: Tensor) -> list[Tensor]:
    x_BLI, weight_OI = (z.clone().requires_grad_() for z in (x_BLI, weight_OI))
    y_BLO = product(x_BLI, weight_OI)
    return [y_BLO.detach(), *torch.autograd.grad(y_BLO, (x_BLI, weight_OI), dy_BLO)]


@pytest.mark.parametrize("sizes", [LARGE, (16, 128, 80, 64), (3, 41, 257, 96), (1, 1, 8, 8), (2, 5, 1, 3)])
def test_outputs_and_gradients_are_those_in_float64(sizes) -> None:
    exact = results(F.linear, *drawn(sizes, dtype=torch.float64))
    for found, wide in zip(results(products.linear, *drawn(sizes)), exact, strict=True):
        assert found.shape == wide.shape
        assert (found.double() - wide).norm() <= 2e-6 * wide.norm()


def test_inputs_that_do_not_lie_side_by_side_are_read_right() -> None:
    x_BLI, weight_OI, dy_BLO = drawn(LARGE)
    apart = [x_BLI.mT.contiguous().mT, weight_OI.t().contiguous().t(), dy_BLO.mT.contiguous().mT]
    for found, plain in zip(results(products.linear, *apart), results(F.linear, *drawn(LARGE)), strict=True):
        torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-3)


def test_only_the_gradients_that_are_needed_are_computed() -> None:
    x_BLI, weight_OI, dy_BLO = drawn(LARGE)
    y_BLO = products.linear(x_BLI, weight_OI.requires_grad_())
    y_BLO.backward(dy_BLO)
    assert x_BLI.grad is None
    assert weight_OI.grad is not None


def test_the_same_inputs_give_the_same_bits() -> None:
    first, again = (results(products.linear, *drawn(LARGE)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("ratio", "error", "form"), [(0.5, 1e-7, "onednn"), (1.0, 1e-7, "torch"), (0.5, 1e-3, "torch")]
)
def test_a_machine_takes_onednn_where_it_is_faster_and_right(
    ratio, error, form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_timed", lambda: {"ratio": ratio, "error": error})
    x_BLI, weight_OI, _ = drawn(LARGE)
    with observed() as forms:
        linear(x_BLI, weight_OI)
    assert forms == {("projection", form)}


def test_small_products_and_other_dtypes_stay_with_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_timed", lambda: {"ratio": 0.1, "error": 0.0})
    with observed() as forms:
        linear(*drawn((1, 1, 64, 64))[:2])
        linear(*drawn(LARGE, dtype=torch.float64)[:2])
        linear(*drawn(LARGE, dtype=torch.bfloat16)[:2])
        with forced("torch"):
            linear(*drawn(LARGE)[:2])
    assert forms == {("projection", "torch")}


def test_a_machine_is_timed_once_and_remembers_it(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = products.faster()
    (place,) = machine.iterdir()
    facts = json.loads(place.read_text())
    assert found is (facts["ratio"] <= products.ENOUGH)
    assert facts["error"] <= 2e-6

    products.faster.cache_clear()  # as in another process, which times otherwise
    monkeypatch.setattr(products, "_timed", lambda: {"ratio": 0.0 if not found else 2.0, "error": 0.0})
    assert products.faster() is found


def test_the_first_of_several_processes_decides(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def timed() -> dict[str, float]:
        monkeypatch.setattr(products, "_timed", lambda: {"ratio": 0.5, "error": 0.0})
        assert products.faster()  # another process is done before this one
        products.faster.cache_clear()
        return {"ratio": 2.0, "error": 0.0}

    monkeypatch.setattr(products, "_timed", timed)
    assert products.faster()


def test_a_process_that_comes_late_takes_nothing_away(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find nothing; the other one writes between this one's last look and its own writing."""
    monkeypatch.setattr(products, "_timed", lambda: {"ratio": 2.0, "error": 0.0})
    link = os.link

    def late(source: str, place: Path) -> None:
        place.write_text(json.dumps({"ratio": 0.5, "error": 0.0}))
        link(source, place)

    monkeypatch.setattr(os, "link", late)
    assert products.faster()


def test_what_is_kept_is_timed_anew_if_it_is_damaged(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_timed", lambda: {"ratio": 0.5, "error": 0.0})
    assert products.faster()
    (place,) = machine.iterdir()
    place.write_text('{"ratio": ')
    products.faster.cache_clear()
    assert products.faster()
    assert json.loads(place.read_text())["ratio"] == 0.5


def test_a_model_computes_the_same_but_for_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_timed", lambda: {"ratio": 0.5, "error": 0.0})
    tokens_BL = torch.arange(16 * 128).view(16, 128) * 7 % 256

    def gradients(mode: str) -> list[Tensor]:
        model = star.build(
            decode(*stack_of(["SA-1", "GMemless", "Rec-1", "GConv-1"])), Shape(width=64, head_dim=16, vocab=256), seed=1
        )
        with forced(mode):
            logits_BLV = model(tokens_BL)
            F.cross_entropy(logits_BLV.flatten(0, 1), tokens_BL.flatten()).backward()
        return [logits_BLV.detach(), *(x.grad for x in model.parameters() if x.grad is not None)]

    for found, plain in zip(gradients("auto"), gradients("torch"), strict=True):
        assert (found - plain).norm() <= 1e-4 * plain.norm()
