"""What `star doctor` looks at: each part of an installation, whether it works, and what to do if it does not."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from api.process.settings import Settings
from api.process.sources import origins

PACKAGES = ("star-synthesis", "torch", "triton", "ray", "pymoo", "sqlalchemy", "fastapi")
FREE_BYTES = 2**30
"""Space on a disk below which a search may soon be unable to write."""

CONNECT_SECONDS = 3.0


class Health(StrEnum):
    """How a part is: it works, it works less well than it could, or a search cannot run with it."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """What was found about one part; `advice` says what to do, and is empty when there is nothing to do."""

    part: str
    health: Health
    found: str
    advice: str = ""


def examined(settings: Settings, options: Collection[str] = ()) -> Iterator[Finding]:
    """Examine every part, and yield a finding as soon as it is there. A check that raises is a failure of its part.

    Args:
        options: names of the settings that an option of the command line gave.
    """
    given = (f"{name} from {origin}" for name, origin in sorted(origins(Settings, options).items()))
    yield Finding("settings", Health.OK, ", ".join(given) or "all at their defaults")
    for part, check in CHECKS.items():
        try:
            health, found, advice = check(settings)
        except Exception as error:  # a doctor tells what is wrong instead of falling ill
            health, found, advice = Health.FAILURE, f"{type(error).__name__}: {error}", ""
        yield Finding(part, health, " ".join(found.split()), advice)


Result = tuple[Health, str, str]


def _versions(settings: Settings) -> Result:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            if name != "triton":  # there are no wheels of it for every system, and only a GPU needs it
                return Health.FAILURE, f"{name} is not installed", "install with pip install -c constraints.txt ."
    return Health.OK, f"Python {platform.python_version()}, {', '.join(found)}", ""


def _database(settings: Settings) -> Result:
    from search.archive import Archive
    from search.archive.schema.engine import UNAVAILABLE

    archive = Archive(settings.database_url)
    try:
        found, newest = archive.schema()
    except UNAVAILABLE as error:
        return Health.FAILURE, f"it does not answer: {getattr(error, 'orig', error)}", "check DATABASE_URL"
    finally:
        archive.close()
    if found == newest:
        return Health.OK, f"schema {found}", ""
    if found is None or found < newest:
        return Health.WARNING, f"schema {found or 'none'} instead of {newest}", "run star migrate"
    return Health.FAILURE, f"schema {found} of a later version; this one knows {newest}", "install the later version"


def _stored(settings: Settings) -> Result:
    from search.archive import Archive
    from search.archive.schema.engine import UNAVAILABLE

    with closing(Archive(settings.database_url)) as archive:
        try:
            weights, checkpoints = (f"{size / 2**30:.2f} GiB" for size in archive.stored())
        except UNAVAILABLE:  # the check of the database has said why
            return Health.WARNING, "the database could not be read", ""
    return Health.OK, f"searches hold {weights} of weights and {checkpoints} of checkpoints", ""


def _artifacts(settings: Settings) -> Result:
    from evaluator.artifacts import ArtifactError, Artifacts

    try:
        Artifacts(settings.artifacts).require_writable()
    except ArtifactError as error:
        return Health.FAILURE, str(error), "set STAR_ARTIFACTS to a place that can be written"
    return Health.OK, f"{settings.artifacts} can be written", ""


def _disk(settings: Settings) -> Result:
    places = [settings.exports] + ([] if "://" in settings.artifacts else [Path(settings.artifacts)])
    if settings.database_url.startswith("sqlite:///"):
        places.append(Path(settings.database_url.removeprefix("sqlite:///")))
    free = min((shutil.disk_usage(_existing(place)).free, str(place)) for place in places)
    health = Health.OK if free[0] >= FREE_BYTES else Health.WARNING
    return health, f"{free[0] / 2**30:.1f} GiB free for {free[1]}", "" if health is Health.OK else "make room"


def _existing(place: Path) -> Path:
    return next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())


def _corpora(settings: Settings) -> Result:
    missing = [str(folder) for folder in settings.corpora if not folder.is_dir()]
    if missing:
        return Health.WARNING, f"{', '.join(missing)} is no directory", "correct STAR_CORPORA"
    return Health.OK, ", ".join(map(str, settings.corpora)) or "none beside the text that Python brings", ""


def _compiled(settings: Settings) -> Result:
    from star.ops.native import library

    if library() is not None:
        return Health.OK, "operators in C are compiled", ""
    advice = "install gcc and install STAR again" if shutil.which("gcc") is None else "install STAR again"
    return Health.WARNING, "operators in C are not compiled; slower PyTorch forms run", advice


def _gpu(settings: Settings) -> Result:
    import torch

    if not torch.cuda.is_available():
        return Health.OK, "none that torch can use; candidates train on the CPU", ""
    names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return Health.OK, ", ".join(names), ""


def _kernels(settings: Settings) -> Result:
    import torch

    from star.ops.trust import described, known_faults

    if not torch.cuda.is_available():
        return Health.OK, f"mode {settings.kernels}; Triton's are for a GPU", ""
    if importlib.util.find_spec("triton") is None:
        return Health.WARNING, "triton is not installed; PyTorch forms run on the GPU", "install triton"
    if old := [torch.cuda.get_device_name(n) for n, at in _capabilities() if at < (8, 0)]:
        return Health.WARNING, f"{', '.join(old)} is older than compute capability 8.0; PyTorch forms run there", ""
    if wrong := [f"{described(one)} on {one['device']}: {one['fault']}" for one in known_faults()]:
        return Health.WARNING, f"not used: {'; '.join(wrong)}", "PyTorch runs instead; report it"
    return Health.OK, f"mode {settings.kernels}, Triton's on the GPU", ""


def _capabilities() -> Iterator[tuple[int, tuple[int, int]]]:
    import torch

    for n in range(torch.cuda.device_count()):
        yield n, torch.cuda.get_device_capability(n)


def _ray(settings: Settings) -> Result:
    if settings.ray_address is None:
        return Health.OK, f"a runner starts its own on this machine, with {settings.workers} workers", ""
    name, address = "STAR_RAY_ADDRESS", settings.ray_address.removeprefix("ray://")
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return Health.WARNING, f"{name} is {address!r}, which only Ray can find", ""
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        return (
            Health.FAILURE,
            f"nothing answers at {address}: {error}",
            f"start the cluster, or correct or unset {name}",
        )
    return Health.OK, f"something answers at {address}", ""


def _lock(settings: Settings) -> Result:
    from api.web.access import is_loopback
    from search.archive import Archive

    with closing(Archive(settings.database_url)) as archive:
        newest = archive.schema()
        locked = newest[0] == newest[1] and archive.has_keys()
    if locked:
        return Health.OK, "API keys lock the service", ""
    if is_loopback(settings.host):
        return Health.OK, f"open, but only this machine reaches {settings.host}", ""
    return Health.WARNING, f"everyone who reaches {settings.host} may use the service", "run star keys create NAME"


CHECKS: dict[str, Callable[[Settings], Result]] = {
    "versions": _versions,
    "database": _database,
    "lock": _lock,
    "artifacts": _artifacts,
    "disk": _disk,
    "stored": _stored,
    "corpora": _corpora,
    "compiler": _compiled,
    "GPU": _gpu,
    "kernels": _kernels,
    "Ray": _ray,
}
"""Every part, and the check of it."""
