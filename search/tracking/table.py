"""The kinds of trackers, and trackers from the text of a setting, such as `mlflow:/path`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from search.tracking.mlflow import MlflowTracker
from search.tracking.tensorboard import TensorboardTracker
from search.tracking.tracker import Tracker
from search.tracking.wandb import WandbTracker


@dataclass(frozen=True)
class Kind:
    """A kind of tracker.

    Attributes:
        package: the package that it imports; the extra of this name installs it.
        place: what stands behind the colon of its setting, in words.
        make: imports the package and makes a tracker from the place. It writes nothing. The thread that reports does
            not import it, as two threads that import at once may fail.
    """

    package: str
    place: str
    make: Callable[[str], Tracker]


KINDS = {
    "mlflow": Kind("mlflow", "a directory or the URI of a tracking server", MlflowTracker),
    "tensorboard": Kind("tensorboard", "a directory", TensorboardTracker),
    "wandb": Kind("wandb", "a project, or entity/project", WandbTracker),
}


def trackers(texts: Sequence[str]) -> list[Tracker]:
    """Return the trackers of a setting, each `kind:place`.

    Raises:
        ValueError: as `require_trackers`, or a package cannot be imported.
    """
    found: list[Tracker] = []
    for name, place in require_trackers(texts):
        try:
            found.append(KINDS[name].make(place))
        except ImportError as error:
            raise ValueError(f"the package of the tracker {name} cannot be imported: {error}") from error
    return found


def require_trackers(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return kind and place of each tracker of a setting. No package is imported.

    Raises:
        ValueError: a kind is unknown, a place is missing or holds a password, or the package of a kind is not
            installed; the message names the legal kinds or the extra that installs it.
    """
    return [_required(text.strip()) for text in texts]


def _required(text: str) -> tuple[str, str]:
    name, _, place = text.partition(":")
    if name not in KINDS:
        legal = ", ".join(f"{known}:PLACE" for known in KINDS)
        raise ValueError(f"the tracker {name!r} is unknown; legal: {legal}")
    kind = KINDS[name]
    if not place:
        raise ValueError(f"the tracker {name} lacks its place: write {name}:PLACE, where PLACE is {kind.place}")
    if place.startswith("http") and urlsplit(place).password:
        raise ValueError(f"the place of the tracker {name} holds a password; set MLFLOW_TRACKING_PASSWORD instead")
    if not _installed(kind.package):
        raise ValueError(
            f"the tracker {name} needs a package that is not installed: pip install 'star-synthesis[{name}]'"
        )
    return name, place


def _installed(package: str) -> bool:
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None  # a folder of results with this name has no origin
