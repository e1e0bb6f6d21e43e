"""For the whole suite: one thread, one seed, NaN in uninitialised memory, and markers that follow from fixtures."""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported, here and in child processes


@pytest.fixture(scope="session", autouse=True)
def uninitialised_memory_is_nan() -> None:
    """Let torch fill new memory with NaN, or the largest integer, so that a read before the first write shows.

    Torch fills memory only where it also demands deterministic operations; it must not refuse or warn of others.
    """
    import torch

    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]  # set at import


@pytest.fixture(autouse=True)
def torch_draws_the_same_numbers_in_every_run() -> None:
    """Seed torch's own generator before each test, so that a test passes or fails the same way every time."""
    import torch

    torch.manual_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that open a browser with `browser`, and tests on a PostgreSQL server with `postgres`."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "browser" in fixtures:
            item.add_marker("browser")
        if "postgresql" in fixtures or "postgresql" in parameters.values():
            item.add_marker("postgres")
