"""The whole client."""

from __future__ import annotations

from api.client.asynchronous.candidates import CandidateCalls
from api.client.asynchronous.jobs import Jobs
from api.client.asynchronous.webhooks import Webhooks


class AsyncStar(Jobs, CandidateCalls, Webhooks):
    """A client of the service at a URL.

    Every method raises `ServiceError` if the service refuses the request, fails or does not answer. The answers are
    those of the API, with types; `get` and `post` give plain JSON. Use it in a block that begins with `async with`, or
    call `close`.

    Args:
        url: address of the service; by default STAR_URL, or this machine.
        key: an API key; by default STAR_API_KEY, or none.
    """
