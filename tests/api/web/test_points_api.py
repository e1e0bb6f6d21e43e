"""The points of a search over HTTP: compressed as the client accepts, and 304 while nothing changed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import httpx
import pytest

from tests.api.web.refusal import refused
from tests.columns import points_of, sent
from tests.served import Service

READ: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "identity": bytes,
}


@pytest.mark.parametrize("accepts", READ)
def test_points_come_as_the_client_accepts_them(service: Service, finished: str, accepts: str) -> None:
    url = f"/v1/jobs/{finished}/points"
    with service.client.stream("GET", url, headers={"accept-encoding": accepts}) as answer:
        body = b"".join(answer.iter_raw())

    assert json.loads(READ[accepts](body)) == sent(points_of(service.archive, finished))
    assert answer.headers.get("content-encoding", "identity") == accepts
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "accept-encoding"


def test_points_that_did_not_change_are_not_sent_again(client: httpx.Client, finished: str) -> None:
    url = f"/v1/jobs/{finished}/points"
    etag = client.get(url).headers["etag"]

    unchanged = client.get(url, headers={"if-none-match": etag})

    assert unchanged.status_code == 304
    assert unchanged.content == b""
    assert unchanged.headers["etag"] == etag
    assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


def test_a_search_that_is_not_there_has_no_points(client: httpx.Client) -> None:
    assert "nowhere" in refused(client.get("/v1/jobs/nowhere/points"), 404)["detail"]
    assert refused(client.get("/v1/jobs/nowhere/points", headers={"if-none-match": '"x"'}), 404)
