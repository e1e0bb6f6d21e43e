"""What a search says about itself over HTTP: its rungs and its honest finish."""

from __future__ import annotations

import httpx
import pytest

from tests.api.dashboard.hand import Hand
from tests.served import Service


def test_the_finish_compares_winners_with_both_baselines(service: Service, several: str) -> None:
    found = service.client.get(f"/v1/jobs/{several}/finish").json()
    plan = service.client.get(f"/v1/jobs/{several}").json()["plan"]

    assert found["seeds"] == 2
    baselines = [one for one in found["finalists"] if one["baseline"]]
    others = [one for one in found["finalists"] if not one["baseline"]]
    assert found["finalists"] == baselines + others
    assert {one["baseline"] for one in baselines} == {"Transformer++", "striped hybrid"}
    assert others
    for one in others:
        compared = {(row["baseline"], row["metric"]) for row in one["against"]}
        assert compared == {(base["number"], metric) for base in baselines for metric in plan["objectives"]}
        assert all(0 <= row["probability"] <= 1 for row in one["against"] if row["probability"] is not None)
    for one in found["finalists"]:
        detail = service.client.get(f"/v1/jobs/{several}/candidates/{one['number']}").json()
        held_out = [row for row in detail["trainings"] if row["purpose"] == "honest finish" and row["metrics"]]
        assert one["seeds"] == len(held_out) == 2
        mean = sum(row["metrics"]["bits_per_byte"] for row in held_out) / 2
        assert one["metrics"]["bits_per_byte"] == pytest.approx(mean)
        assert one["metrics"]["bits_per_byte_stderr"] > 0


def test_rungs_are_compared_where_candidates_stand_on_both(client: httpx.Client, several: str) -> None:
    found = client.get(f"/v1/jobs/{several}/rungs").json()["rungs"]
    assert [(one["below"], one["above"]) for one in found] == [(160, 320), (320, 640)]
    for one in found:
        assert (one["rank_correlation"] is None) == (one["count"] < 5)


def test_a_search_without_rungs_or_finish_says_so(service: Service, finished: str) -> None:
    assert service.client.get(f"/v1/jobs/{finished}/rungs").json() == {"rungs": []}
    assert service.client.get(f"/v1/jobs/{finished}/finish").json() == {"seeds": 0, "finalists": []}


def test_signals_are_compared_with_the_quality(service: Service, finished: str) -> None:
    assert service.client.get(f"/v1/jobs/{finished}/signals").json()["signals"] == []
    hand = Hand(service.archive, "with signals", measure=["synflow"])
    for n in range(5):
        hand.end(hand.begin("-".join(["1.1.1.1.1"] * n + ["9.1.1.1.1"] * (4 - n))), 3.0 - n / 10, synflow=float(n))
    (found,) = service.client.get(f"/v1/jobs/{hand.id}/signals").json()["signals"]
    assert (found["signal"], found["count"], found["kendall"]) == ("synflow", 5, pytest.approx(1.0))
    assert found["kendall_low"] == pytest.approx(found["kendall_high"]) == pytest.approx(found["rank_correlation"])
