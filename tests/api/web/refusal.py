"""A check that an answer is an RFC 9457 problem."""

from __future__ import annotations

from typing import Any

import httpx


def refused(answer: httpx.Response, status: int = 422) -> dict[str, Any]:
    """Require a problem of this status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    return problem
