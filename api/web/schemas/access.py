"""Requests and responses about API keys."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.web.schemas.body import Received, Sent
from search.archive.custody.keys import Scope


class SessionRequest(Received):
    """The key that a browser is to keep."""

    key: str = Field(max_length=100, description="the text of an API key, `star_...`")


class Session(Sent):
    """Whose key a browser has; all null on a service that needs none."""

    name: str | None
    scope: Scope | None
    expires_at: datetime | None
