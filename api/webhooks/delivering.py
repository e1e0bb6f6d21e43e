"""A thread of the server that sends the messages in the outbox."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from api.process.settings import Settings
from api.webhooks.sending import send
from search.archive import Archive
from search.archive.schema.engine import UNAVAILABLE

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0

PAUSES = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds after each attempt that failed; with the last attempt that is three days."""

MARGIN_SECONDS = 5.0
"""Seconds beyond an attempt's time after which another server repeats it, because its sender must have died."""


@contextmanager
def delivering(archive: Archive, settings: Settings, pauses: Sequence[float] = PAUSES) -> Iterator[None]:
    """Send messages while the block runs. Of several servers each takes the next message that is due.

    A message whose sender dies is sent again under the same id.
    """
    stop = threading.Event()
    work = _work(archive, settings, pauses, stop)
    thread = threading.Thread(target=asyncio.run, args=(work,), name="delivering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(settings.webhook_seconds)


async def _work(archive: Archive, settings: Settings, pauses: Sequence[float], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            sent = await _deliver(archive, settings, pauses)
        except UNAVAILABLE:
            sent = False  # the message is claimed again when the database is back
        except Exception:
            log.exception("the outbox could not be worked on; it goes on after a pause")
            sent = False
        if not sent:
            await asyncio.to_thread(stop.wait, POLL_SECONDS)


async def _deliver(archive: Archive, settings: Settings, pauses: Sequence[float]) -> bool:
    """Send the next message that is due, and return whether there was one. An unexpected error is a failed attempt."""
    seconds = settings.webhook_seconds
    delivery = archive.claim_delivery(seconds + MARGIN_SECONDS)
    if delivery is None:
        return False
    try:
        delivered, answer = await send(delivery, settings.webhook_hosts, seconds)
    except Exception as error:
        log.exception("attempt %d at message %s failed unexpectedly", delivery.attempts, delivery.id)
        delivered, answer = False, f"not sent: {type(error).__name__}"
    else:
        if not delivered:
            log.warning("attempt %d at message %s failed: %s", delivery.attempts, delivery.id, answer)
    left = pauses[delivery.attempts - 1 :]
    archive.record_delivery(delivery, delivered, answer, pause=left[0] if left else None)
    return True
