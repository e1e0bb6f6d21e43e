"""The settings of a client: the address of the service, an API key, and how long it waits for an answer."""

from __future__ import annotations

import os
from typing import Any

DEFAULT_URL = "http://127.0.0.1:8765"
TIMEOUT = 60.0

EXPORT_TIMEOUT = 1800.0
"""Seconds that an export may take. Heavy formats take minutes, and wait for each other."""


def settings(url: str | None, key: str | None) -> dict[str, Any]:
    """Return the arguments of an httpx client; what is not given comes from STAR_URL and STAR_API_KEY."""
    base = (url or os.environ.get("STAR_URL") or DEFAULT_URL).rstrip("/")
    secret = (key or os.environ.get("STAR_API_KEY") or "").strip()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    # trust_env=False: proxy variables do not apply to the service.
    return {"base_url": base, "timeout": TIMEOUT, "trust_env": False, "headers": headers}
