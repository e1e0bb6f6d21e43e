"""Deleting artifacts that no row refers to. A store that does not answer keeps them until the next sweep."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set

from evaluator.artifacts import ArtifactError, Artifacts
from search.archive.runner_values import InFlight
from search.run.request import folder_of

log = logging.getLogger(__name__)


def sweep(store: Artifacts, job_id: str, kept: Set[str], going_on: Iterable[InFlight]) -> None:
    """Delete the artifacts of a job that dead runners and their workers left.

    Args:
        kept: the keys that a row refers to.
        going_on: trainings that will be begun again; what they wrote stays.
    """
    folders = tuple(f"{folder_of(job_id, one)}/" for one in going_on)
    try:
        found = store.keys(job_id)
    except ArtifactError as error:
        log.warning("%s", error)
        return
    delete(store, [key for key in found if key not in kept and not key.startswith(folders)])


def delete(store: Artifacts, keys: Iterable[str]) -> None:
    """Delete artifacts, and log those that cannot be deleted."""
    for key in keys:
        try:
            store.delete(key)
        except ArtifactError as error:
            log.warning("%s", error)
