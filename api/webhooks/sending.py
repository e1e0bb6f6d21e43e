"""One attempt at sending a message to its receiver."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Collection
from importlib.metadata import version

import httpx

from api.webhooks.addresses import ReceiverError, receiver, resolved
from api.webhooks.signature import signed_headers
from search.archive.custody.outbox import Delivery


async def send(delivery: Delivery, permitted: Collection[str], seconds: float) -> tuple[bool, str]:
    """Send a message once, and return whether the receiver took it, and its answer in a few words.

    The connection goes to an address that was checked, redirects are not followed, and no body is read, so a receiver
    can neither lead the message elsewhere nor keep the sender busy.

    Args:
        permitted: names of receivers that may be internal.
        seconds: time for the whole attempt.
    """
    try:
        async with asyncio.timeout(seconds):
            status = await _posted(delivery, permitted, seconds)
    except TimeoutError:
        return False, f"no answer within {seconds:g} s"
    except (ReceiverError, httpx.HTTPError, ssl.SSLError) as error:
        return False, f"{error}" or type(error).__name__
    return 200 <= status < 300, f"status {status}"


async def _posted(delivery: Delivery, permitted: Collection[str], seconds: float) -> int:
    """Return the status with which the receiver answers at the first of its addresses that accepts a connection."""
    body = delivery.body.encode()
    parts = receiver(delivery.url, permitted)
    addresses = await asyncio.to_thread(resolved, parts, permitted)
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": f"STAR/{version('star-synthesis')}",
        **signed_headers(delivery.secret, delivery.id, int(time.time()), body),
    }
    url = httpx.URL(delivery.url)
    async with httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=seconds) as client:
        for address in addresses:
            at = url.copy_with(host=address)
            name = {"sni_hostname": parts.hostname}  # the certificate is checked against the name
            try:
                async with client.stream("POST", at, content=body, headers=headers, extensions=name) as answer:
                    return answer.status_code
            except httpx.ConnectError:
                if address == addresses[-1]:
                    raise
    raise AssertionError("a name that resolves has an address")
