"""The client commands against the suite's server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.cli.commands import run
from tests.served import Service


@pytest.fixture
def ask(service: Service) -> Callable[..., Any]:
    """A client command's JSON."""
    return lambda *arguments, status=0: json.loads(
        run(*arguments, "--url", service.url, "--json", status=status).stdout
    )
