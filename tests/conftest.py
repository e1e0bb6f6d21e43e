"""For the whole suite: one thread, because two cores share several processes; markers that follow from fixtures."""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported, here and in child processes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that open a browser with `browser`, and tests on a PostgreSQL server with `postgres`."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "browser" in fixtures:
            item.add_marker("browser")
        if "postgresql" in fixtures or "postgresql" in parameters.values():
            item.add_marker("postgres")
