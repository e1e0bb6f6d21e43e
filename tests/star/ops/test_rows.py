"""Normalisation and rotation, compiled, are those of PyTorch but for rounding, in outputs and every gradient.

B sequences, L tokens, D channels, H heads, K channels of a head.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from star.ops import dispatch, native
from star.ops.dispatch import forced
from star.ops.forms import observed
from star.ops.normalisation import compiled as normalised
from star.ops.normalisation.rms_norm import rms_norm
from star.ops.rotary import compiled as rotary
from star.ops.rotary.rotate import rotate

pytestmark = pytest.mark.skipif(
    native.library() is None,
    reason="the operators in C are not compiled here",
)


def drawn(*sizes: int, seed: int = 0) -> Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def results(form, *inputs: Tensor, dtype: torch.dtype = torch.float32, **options) -> list[Tensor]:
    """Compute the output and the gradients of all inputs of a form."""
    leaves = [x.to(dtype).requires_grad_() for x in inputs]
    y = form(*leaves, **options)
    return [y.detach(), *torch.autograd.grad(y, leaves, drawn(*y.shape, seed=9).to(dtype))]


def agree(found: list[Tensor], exact: list[Tensor]) -> None:
    for one, other in zip(found, exact, strict=True):
        assert one.shape == other.shape
        assert (one.double() - other).norm() <= 1e-6 * other.norm()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("sizes", [(2, 5, 64), (7, 2), (1, 1, 3), (2, 3, 37), (1, 2, 768), (4, 100)])
def test_normalisation_is_that_in_float64(sizes, threads) -> None:
    inputs = (drawn(*sizes), drawn(sizes[-1], seed=1))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        agree(results(normalised.rms_norm, *inputs), results(rms_norm, *inputs, dtype=torch.float64))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("size", [0.0, 1e-4, 1e15])
def test_small_and_large_rows_are_normalised_as_in_pytorch(size) -> None:
    x_BLD, weight_D = size * drawn(2, 3, 40).float(), drawn(40, seed=1).float()
    torch.testing.assert_close(normalised.rms_norm(x_BLD, weight_D), rms_norm(x_BLD, weight_D), rtol=1e-5, atol=0)


POSITIONS = {
    "from the first token": 0,
    "later": 4000,
    "each sequence at a place of its own": torch.tensor([[3], [0]]),
}


@pytest.mark.parametrize("position", POSITIONS.values(), ids=POSITIONS)
@pytest.mark.parametrize("sizes", [(2, 5, 4, 16), (2, 3, 1, 7), (2, 1, 3, 2), (2, 4, 2, 1), (2, 130, 2, 64)])
def test_rotation_is_that_of_pytorch(sizes, position) -> None:
    x_BLHK = drawn(*sizes)
    in_torch = results(rotate, x_BLHK, position=position)
    agree(results(rotary.rotate, x_BLHK, position=position), [x.double() for x in in_torch])


def test_heads_that_are_parts_of_a_tensor_are_rotated_as_they_lie() -> None:
    whole_BLHK = drawn(2, 9, 6, 24).float()
    part_BLHK = whole_BLHK[:, 2:, ::2, 8:]
    torch.testing.assert_close(rotary.rotate(part_BLHK), rotate(part_BLHK.contiguous()))


def test_tables_of_one_length_are_not_taken_for_another() -> None:
    for length, size, position in ((4, 8, 0), (6, 8, 0), (4, 6, 0), (4, 8, 0), (1, 8, 255), (2, 8, 255), (4, 8, 3)):
        x_BLHK = drawn(1, length, 2, size).float()
        torch.testing.assert_close(rotary.rotate(x_BLHK, position), rotate(x_BLHK, position))


def test_a_table_that_is_too_large_to_be_kept_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotary, "LARGEST_TABLE", 8)
    x_BLHK = drawn(1, 5, 2, 8).float()
    torch.testing.assert_close(rotary.rotate(x_BLHK, 7), rotate(x_BLHK, 7))


def test_a_table_made_without_gradients_serves_training() -> None:
    x_BLHK = drawn(1, 11, 2, 8).float()
    with torch.inference_mode():
        rotary.rotate(x_BLHK)
    x_BLHK.requires_grad_()
    rotary.rotate(x_BLHK).square().sum().backward()
    torch.testing.assert_close(x_BLHK.grad, 2 * x_BLHK.detach())


def test_pytorch_computes_what_the_compiled_forms_do_not() -> None:
    with observed() as forms:
        dispatch.rms_norm(drawn(2, 4), drawn(4))
        dispatch.rotate(drawn(1, 2, 1, 4))
        dispatch.rotate(drawn(1, 2, 4, 3).float().mT)
        with forced("torch"):
            dispatch.rms_norm(drawn(2, 4).float(), drawn(4).float())
    assert forms == {("rms_norm", "torch"), ("rotation", "torch")}


def test_the_same_rows_give_the_same_bits() -> None:
    for form, inputs in ((normalised.rms_norm, (drawn(3, 50, 64), drawn(64))), (rotary.rotate, (drawn(3, 50, 4, 16),))):
        first, again = (results(form, *inputs) for _ in range(2))
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
