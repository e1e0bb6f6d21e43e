"""One server for the whole suite: tests look for what they themselves put there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.served import SEVERAL, Service, finish_job, serving


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service")) as running:
        finish_job(running)  # first, while the queue holds nothing else to run
        finish_job(running, "several trainings", SEVERAL)
        yield running


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client


@pytest.fixture(scope="session")
def finished(service: Service) -> str:
    """The id of a search that has run to its end."""
    return service.archive.jobs(1000).items[-1].id


@pytest.fixture(scope="session")
def several(service: Service) -> str:
    """The id of a search that has run to its end, with several trainings of its candidates."""
    return service.archive.jobs(1000).items[-2].id


@pytest.fixture
def start_service(tmp_path: Path) -> Callable[[], AbstractContextManager[Service]]:
    """For tests that end the server themselves."""
    return lambda: serving(tmp_path)
