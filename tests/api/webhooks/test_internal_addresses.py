"""The guard of outgoing messages: no message reaches an address that is not public."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from api.webhooks.addresses import ReceiverError, receiver, resolved
from api.webhooks.sending import send
from search.archive.custody.outbox import Delivery
from tests.api.web.refusal import refused
from tests.api.webhooks.receiving import receiving
from tests.own_loop import completed

INTERNAL = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f.1",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "localhost",
]


@pytest.mark.parametrize("host", INTERNAL)
def test_an_internal_receiver_is_refused(client: Any, host: str) -> None:
    problem = refused(client.post("/v1/webhooks", json={"url": f"https://{host}/hook"}))
    assert problem["errors"][0]["pointer"] == "/url"
    assert "internal" in problem["detail"]
    assert client.get("/v1/webhooks").json() == {"webhooks": []}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/", "https"),
        ("ftp://example.org/", "https"),
        ("example.org", "URL"),
        ("https://", "URL"),
        ("https://ex ample.org/", "URL"),
        ("https://exämple.org/", "ASCII"),
        ("https://example.org:99999/", "URL"),
        ("https://me:secret@example.org/", "user"),
        ("https://example.org/#part", "fragment"),
        ("https://no-such-name.invalid/", "no address"),
    ],
)
def test_what_is_no_receiver_is_refused(client: Any, url: str, said: str) -> None:
    problem = refused(client.post("/v1/webhooks", json={"url": url}))
    assert said in problem["detail"]
    assert "secret" not in problem["detail"]


@pytest.mark.parametrize("public", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]"])
def test_a_public_address_is_permitted(public: str) -> None:
    assert resolved(receiver(f"https://{public}/", ()), ()) == [public.strip("[]")]


def test_one_internal_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(ReceiverError, match="internal"):
        resolved(receiver("https://example.org/", ()), ())


def test_a_name_that_became_internal_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may be public when the webhook is created, and internal when a message is sent."""
    with receiving() as one:
        answer(monkeypatch, ["127.0.0.1"])
        delivery = Delivery(1, "msg_1", 1, f"https://example.org:{one.port}/", "whsec_AAAA", "{}")
        delivered, said = completed(send(delivery, (), 5))
    assert not delivered
    assert "internal" in said
    assert one.received == []


def test_the_name_is_resolved_once_and_the_connection_goes_to_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    with receiving() as one:
        answer(monkeypatch, ["127.0.0.1"], looked_up)
        delivery = Delivery(1, "msg_1", 1, f"http://hooks.test:{one.port}/", "whsec_AAAA", "{}")
        assert completed(send(delivery, ("hooks.test",), 5)) == (True, "status 204")
    assert one.received[0].headers["host"] == f"hooks.test:{one.port}"
    assert [name for name in looked_up if name == "hooks.test"] == ["hooks.test"]


def answer(monkeypatch: pytest.MonkeyPatch, addresses: list[str], looked_up: list[str] | None = None) -> None:
    """Let every name have these addresses, as a name server of somebody else could say."""
    plain = socket.getaddrinfo

    def found(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        if looked_up is not None:
            looked_up.append(str(host))
        literal = str(host)[0].isdigit()
        return [one for name in ([host] if literal else addresses) for one in plain(name, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
