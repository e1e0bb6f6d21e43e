"""Requests that no client of good will sends, each with the answers that are right."""

from __future__ import annotations

import json
import pickle
import socket
import zlib
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

SECONDS = 40.0
"""Longer than the server holds half a request."""

OPAQUE = pickle.dumps({"preset": "laptop"})


class Hostile(NamedTuple):
    """A request as bytes, and the statuses of which one must answer it; 0 is a connection that ends without answer."""

    name: str
    sent: bytes
    right: frozenset[int]


def get(target: str, *headers: str) -> bytes:
    """Return a request without a body."""
    return "\r\n".join([f"GET {target} HTTP/1.1", *(headers or ("Host: localhost",)), "", ""]).encode("latin-1")


def post(body: bytes, *headers: str, target: str = "/v1/jobs", length: int | None = None) -> bytes:
    """Return a request with a body, and with another length than its own if one is given."""
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", *(headers or ("Content-Type: application/json",))]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def plan(**changes: object) -> bytes:
    """Return a submission whose plan has some fields replaced."""
    return post(json.dumps({"plan": changes}).encode())


REFUSED, LEFT_OUT, TOO_LARGE = frozenset({400, 422}), frozenset({404}), frozenset({413})
GARBLED = frozenset({400, 0})

REQUESTS = (
    Hostile("another host", get("/v1/jobs", "Host: evil.example"), frozenset({421})),
    Hostile("no host", get("/v1/jobs", "Accept: */*"), frozenset({400, 421})),
    Hostile(
        "a page of another site submits",
        post(b"{}", "Content-Type: application/json", "Origin: http://evil.example"),
        frozenset({403}),
    ),
    Hostile(
        "a form of another site submits", post(b"preset=laptop", "Content-Type: text/plain"), frozenset({415, 422})
    ),
    Hostile("path out of the static files", get("/static/../../pyproject.toml"), LEFT_OUT),
    Hostile("the same, encoded", get("/static/%2e%2e/%2e%2e/pyproject.toml"), LEFT_OUT),
    Hostile("the same, with a null byte", get("/static/parts/%00api.js"), LEFT_OUT),
    Hostile("a job named as a path", get("/v1/jobs/..%2F..%2Fetc%2Fpasswd"), LEFT_OUT),
    Hostile("a null byte in an id", get("/v1/jobs/%00"), frozenset({404, 422})),
    Hostile(
        "a target of 100,000 characters", get("/v1/jobs?name=" + "a" * 100_000), frozenset({400, 414, 422, 431, 0})
    ),
    Hostile(
        "10,000 headers",
        get("/v1/jobs", "Host: localhost", *(f"X-{n}: 1" for n in range(10_000))),
        frozenset({200, 431}),
    ),
    Hostile("a header of a megabyte", get("/v1/jobs", "Host: localhost", "X: " + "a" * 2**20), GARBLED | {431}),
    Hostile("two lengths", post(b"{}", "Content-Length: 200"), GARBLED),
    Hostile(
        "a length and chunks", post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Type: text/plain"), GARBLED
    ),
    Hostile("a negative length", post(b"{}", length=-5), GARBLED),
    Hostile("a length of a terabyte", post(b"{}", length=2**40), TOO_LARGE),
    Hostile("half a head", b"GET /healthz HTTP/1.1\r\nHost: loc", frozenset({408})),
    Hostile("half a body", post(b"{", length=50), frozenset({408})),
    Hostile("20,000 opening brackets", post(b"[" * 20_000), REFUSED),
    Hostile("5,000 nested objects", post(b'{"plan":' * 5000 + b"1" + b"}" * 5000), REFUSED),
    Hostile("a number of 5,000 digits", post(b'{"plan": {"seed": ' + b"9" * 5000 + b"}}"), REFUSED),
    Hostile("NaN for a number", post(b'{"plan": {"repeats": NaN}}'), REFUSED),
    Hostile("bytes that are no UTF-8", post(b'{"name": "\xff\xfe"}'), REFUSED),
    Hostile("half a surrogate pair", post(b'{"name": "\\ud800"}'), REFUSED),
    Hostile("a pickle", post(OPAQUE, "Content-Type: application/octet-stream"), frozenset({415, 422})),
    Hostile("a pickle that says it is JSON", post(OPAQUE), REFUSED),
    Hostile(
        "a compressed body",
        post(zlib.compress(b"{" * 2**20), "Content-Type: application/json", "Content-Encoding: deflate"),
        frozenset({400, 415, 422}),
    ),
    Hostile("a corpus outside of the directories", plan(task={"corpus": "/etc/passwd"}), REFUSED),
    Hostile("a corpus by a way up", plan(task={"corpus": "../../../../etc/passwd"}), REFUSED),
    Hostile("a task that is a class of Python", plan(task={"kind": "os.system"}), REFUSED),
    Hostile("a field that no plan has", plan(__class__="x"), REFUSED),
    Hostile(
        "an architecture for a thousand machines", plan(width=65536, space={"depth": 256}, candidates=10**6), REFUSED
    ),
    Hostile("a page of a billion", get("/v1/jobs?page_size=1000000000"), frozenset({200})),
    Hostile("a page token of its own making", get("/v1/jobs?page_token=" + "QUFB" * 10), REFUSED),
    Hostile("a parameter that is not there", get("/v1/jobs?order=drop"), REFUSED),
    Hostile("a statement for a database", get("/v1/jobs?search='%20OR%201=1;--"), frozenset({200})),
    Hostile("a method that is not there", b"BREW /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n", frozenset({405, 501})),
    Hostile("another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), GARBLED),
)


def answered(url: str, request: Hostile) -> int:
    """Send a request as it is, and return the status of the answer, 0 if the connection ends without one.

    Raises:
        TimeoutError: nothing comes for `SECONDS`.
    """
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port), timeout=SECONDS) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before its last byte, with an answer or not
            connection.sendall(request.sent)
        try:
            line = connection.recv(65536).split(b"\r\n", 1)[0].split()
        except ConnectionResetError:
            return 0
        return int(line[1]) if len(line) > 1 else 0
