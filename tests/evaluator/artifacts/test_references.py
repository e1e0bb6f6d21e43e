"""References to artifacts: what a store holds, and what it verifies of a reference with and without a digest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator.artifacts import Artifact, ArtifactError, Artifacts


@pytest.fixture(params=["directory", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path) if request.param == "directory" else f"memory://{tmp_path.name}")


def test_a_store_tells_what_it_has_without_reading_it(store: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("job/1/weights", b"weights")
    monkeypatch.setattr(store, "fetch", None)

    assert store.has("job/1/weights")
    assert not store.has("job/1/other")
    assert not store.has("job/2/weights")
    assert not store.has("job/1"), "a folder is no artifact"
    store.delete("job/1/weights")
    assert not store.has("job/1/weights")


@pytest.mark.parametrize("key", ["", "../weights", "a//b", "a b"])
def test_a_key_that_is_not_legal_is_refused(store: Artifacts, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        store.has(key)


def test_a_reference_survives_json_with_and_without_a_digest(store: Artifacts) -> None:
    for artifact in (store.write("weights", b"weights"), Artifact("weights", None, None)):
        again = Artifact.from_json(json.loads(json.dumps(artifact.to_json())))

        assert again == artifact
        assert store.read(again) == b"weights"


def test_only_what_a_reference_knows_is_verified(store: Artifacts) -> None:
    known = store.write("weights", b"weights")
    store.write("weights", b"changed")
    unknown = Artifact("weights", None, None)

    with pytest.raises(ArtifactError, match="SHA-256"):
        store.read(known)
    with pytest.raises(ArtifactError, match="7 bytes, not 8"):
        store.read(Artifact("weights", None, 8))
    assert store.read(unknown) == b"changed"
    with pytest.raises(ArtifactError, match="missing"):
        store.read(Artifact("none", None, None))
