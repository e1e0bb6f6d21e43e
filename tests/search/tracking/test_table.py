"""Trackers from the text of a setting; what is wrong with it is said at once."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from search.tracking import trackers
from search.tracking.table import KINDS

TEXTS = {"mlflow": "mlflow:runs", "tensorboard": "tensorboard:runs", "wandb": "wandb:team/project"}


def absent(monkeypatch: pytest.MonkeyPatch, found: ModuleSpec | None = None) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_whose_package_is_missing_is_refused_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    absent(monkeypatch)
    with pytest.raises(ValueError, match=rf"tracker {name} needs .* pip install 'star-synthesis\[{name}\]'"):
        trackers([TEXTS[name]])


def test_a_folder_of_results_is_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    absent(monkeypatch, ModuleSpec("wandb", None))
    with pytest.raises(ValueError, match="needs a package"):
        trackers(["wandb:project"])


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_an_extra(name: str) -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert f"\n{name} = [\n" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aim:here", "unknown; legal: mlflow:PLACE, tensorboard:PLACE, wandb:PLACE"),
        ("tensorboard", "lacks its place: write tensorboard:PLACE, where PLACE is a directory"),
        ("mlflow:https://ada:secret@host", "MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_a_wrong_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        trackers([text])
    assert "secret" not in str(refused.value)


def test_the_order_is_kept_and_nothing_is_written_before_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [one.name for one in trackers(["tensorboard:runs", " mlflow:runs"])] == ["tensorboard", "mlflow"]
    assert list(tmp_path.iterdir()) == []
