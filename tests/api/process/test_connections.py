"""Connections to a real server: what is set on them."""

from __future__ import annotations

import socket

from tests.served import Service


def test_a_kept_connection_answers_without_waiting_for_acknowledgements(service: Service) -> None:
    service.client.get("/healthz").raise_for_status()

    kept = [one.transport.get_extra_info("socket") for one in service.server.server_state.connections]

    assert kept
    assert {one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in kept} == {1}
