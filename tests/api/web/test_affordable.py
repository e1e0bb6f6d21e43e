"""A plan is refused before anything is stored when this service cannot afford it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.process.settings import Settings
from api.web.admission import require_affordable
from api.web.problems import Refused
from search.plan.presets import PRESETS, merged
from tests.served import Service, serving


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_affordable(preset: str) -> None:
    require_affordable(PRESETS[preset], Settings())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"width": 65536, "space": {"depth": 256}}, "/plan/width"),
        ({"candidates": 1_000_000, "width": 4096, "budget": {"steps": 100_000}}, "/plan/candidates"),
    ],
)
def test_what_no_machine_trains_is_refused_with_an_estimate(
    service: Service, nothing_stored: None, changes: dict[str, Any], field: str
) -> None:
    answer = service.client.post("/v1/jobs", json={"plan": changes})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [field]
    assert "about" in answer.json()["detail"]
    assert "STAR_MAX_" in answer.json()["detail"]


def test_the_limits_are_settings() -> None:
    plan = merged("laptop", {"width": 64})
    with pytest.raises(Refused, match="STAR_MAX_PARAMETERS"):
        require_affordable(plan, Settings(max_parameters=1e5))
    with pytest.raises(Refused, match="STAR_MAX_FLOPS"):
        require_affordable(plan, Settings(max_flops=1e9))


def test_the_estimate_is_near_the_real_number(tmp_path: Path) -> None:
    """Within a factor of four of what a stack of attention and channel mixers has."""
    with serving(tmp_path) as service:
        genome = {"genome": "-".join(["1.1.1.1.1", "9.1.1.1.1"] * 3), "width": 256, "vocab": 256}
        real = service.client.post("/v1/genomes/cost", json=genome).json()["parameters"]
    plan = merged("laptop", {"width": 256, "space": {"depth": 6}})
    require_affordable(plan, Settings(max_parameters=4 * real))
    with pytest.raises(Refused):
        require_affordable(plan, Settings(max_parameters=real / 4))
