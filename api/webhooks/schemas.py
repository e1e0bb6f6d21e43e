"""Requests and responses about webhooks."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.web.schemas.body import Line, Received, Sent
from search.archive.custody.outbox import DeliveryState


class WebhookRequest(Received):
    """An address that is to hear of the ends of searches."""

    url: Line = Field(max_length=2000, description="address that gets the messages by POST; https")
    put_off_after: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="number of times in a row that a search was put off of which the address hears, too",
    )


class WebhookView(Sent):
    """A webhook."""

    id: str
    url: str
    put_off_after: int | None
    created_at: datetime


class NewWebhook(WebhookView):
    """A webhook with its secret, which is shown once."""

    secret: str = Field(description="`whsec_...`, with which the receiver checks the signature of each message")


class WebhookList(Sent):
    """All webhooks, oldest first."""

    webhooks: list[WebhookView]


class MessageView(Sent):
    """A message and what became of it."""

    id: str = Field(description="header webhook-id, the same for every attempt")
    type: str = Field(description="job.succeeded, job.failed, job.cancelled or job.put_off")
    job_id: str
    state: DeliveryState
    attempts: int
    answer: str = Field(description="answer to the latest attempt; empty before the first")
    created_at: datetime
    next_at: datetime | None = Field(description="time of the next attempt; null if there will be none")


class Messages(Sent):
    """The latest messages of a webhook, newest first."""

    messages: list[MessageView]
