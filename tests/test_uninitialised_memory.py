"""The suite's guard against memory that is read before it is written."""

import pytest
import torch


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(3),
        lambda: torch.empty(3, dtype=torch.bfloat16),
        lambda: torch.empty_like(torch.zeros(3)),
        lambda: torch.zeros(1).new_empty(3),
        lambda: torch.nn.Linear(3, 3, device="meta").to_empty(device="cpu").weight,
    ],
    ids=["empty", "bfloat16", "empty_like", "new_empty", "to_empty"],
)
def test_uninitialised_memory_is_nan(make):
    assert make().isnan().all()
