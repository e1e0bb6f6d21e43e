"""Requests a minute: of a key, of an address, and with time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.web.rates import MOST_CLIENTS, Rates
from search.archive.custody.keys import Scope
from tests.api.web.refusal import refused
from tests.served import Service, serving


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that permits three requests a minute."""
    with serving(tmp_path, rate=3) as one:
        yield one


def test_an_address_has_so_many_requests_and_checks_are_not_counted(service: Service) -> None:
    assert [service.client.get("/v1/runners").status_code for _ in range(3)] == [200, 200, 200]
    answer = service.client.get("/v1/runners")
    assert "your address has sent more than 3 requests in a minute" in refused(answer, 429)["detail"]
    assert 0 < int(answer.headers["retry-after"]) <= 20
    assert service.client.get("/healthz").status_code == 200
    assert service.client.get("/").status_code == 200


def test_each_key_has_requests_of_its_own(service: Service) -> None:
    def header(name: str, rate: int | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {service.archive.create_key(name, Scope.READ, rate=rate)[1]}"}

    keys = {"Ada": header("Ada", None), "Grace": header("Grace", 5)}

    def answered(name: str) -> int:
        answers = [service.client.get("/v1/runners", headers=keys[name]) for _ in range(6)]
        assert name in refused(answers[-1], 429)["detail"]
        return sum(one.status_code == 200 for one in answers)

    assert {name: answered(name) for name in keys} == {"Ada": 3, "Grace": 5}


def test_keys_cannot_be_tried_without_end(service: Service) -> None:
    service.archive.create_key("Ada", Scope.READ)
    tried = [service.client.post("/v1/session", json={"key": "star_wrong"}).status_code for _ in range(2)]
    tried += [service.client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code for _ in range(2)]
    assert tried == [401, 401, 401, 429]


def test_no_rate_is_no_bound(tmp_path: Path) -> None:
    with serving(tmp_path, rate=0) as service:
        statuses = {service.client.get("/v1/runners").status_code for _ in range(50)}
    assert statuses == {httpx.codes.OK}


def test_a_client_that_waits_as_long_as_it_was_told_may_go_on() -> None:
    now = 0.0
    rates = Rates(lambda: now)
    assert [rates.wait("a", 60) for _ in range(60)] == 60 * [0.0]
    assert rates.wait("a", 60) == pytest.approx(1.0)
    assert rates.wait("b", 60) == 0.0
    now = 0.5
    assert rates.wait("a", 60) == pytest.approx(0.5)
    now = 1.0
    assert rates.wait("a", 60) == 0.0
    assert rates.wait("a", 60) == pytest.approx(1.0)
    now = 1000.0
    assert [rates.wait("a", 60) for _ in range(60)] == 60 * [0.0]
    assert rates.wait("a", 60) > 0


def test_the_number_of_clients_that_are_remembered_is_bounded() -> None:
    rates = Rates(lambda: 0.0)
    for n in range(MOST_CLIENTS + 5):
        rates.wait(str(n), 1)
    assert rates.wait("0", 1) == 0.0  # forgotten
    assert rates.wait(str(MOST_CLIENTS), 1) > 0.0
