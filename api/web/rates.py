"""The rate of requests of a client: each API key, and without keys each address, has so many requests a minute."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request

from api.web.problems import Refused
from search.archive.custody.keys import ApiKey

BURST_SECONDS = 60.0
"""Time whose requests may come at once; a client that has paused may send as many as in a minute."""

ROUNDING_SECONDS = 1e-6
"""Error of a sum of intervals, which refuses nobody."""

MOST_CLIENTS = 10_000
"""Clients that are remembered; the one that was not heard of for the longest is forgotten."""

NETWORK_BITS = 64
"""The part of an IPv6 address that names a client, who can choose the rest."""


class Rates:
    """The rates of clients, by the generic cell rate algorithm: of each only one time is kept. Threads may share it.

    Args:
        clock: returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, client: str, rate: int) -> float:
        """Count a request, or return the seconds after which it may come; 0 if it may come now.

        Args:
            rate: requests a minute.
        """
        interval = 60.0 / rate
        with self._lock:
            now = self._clock()
            due = max(self._due.pop(client, now), now)
            late = due + interval - now - BURST_SECONDS
            refused = late > ROUNDING_SECONDS
            self._due[client] = due if refused else due + interval
            if len(self._due) > MOST_CLIENTS:
                self._due.popitem(last=False)
        return late if refused else 0.0


def require_rate(request: Request, key: ApiKey | None) -> None:
    """Count a request to the rate of its key or, without one, of its address.

    Raises:
        Refused: 429; the client has sent as many as it may.
    """
    rate = key.rate if key is not None and key.rate is not None else request.app.state.settings.rate
    if not rate:
        return
    wait = request.app.state.rates.wait(f"key {key.id}" if key else _address(request), rate)
    if wait:
        who = f"the key of {key.name}" if key else "your address"
        headers = {"Retry-After": str(math.ceil(wait))}
        raise Refused(429, f"{who} has sent more than {rate} requests in a minute, as many as it may", headers=headers)


def _address(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, NETWORK_BITS), strict=False))
