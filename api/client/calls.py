"""The calls that both clients make: what is sent, and how the answer is read. Nothing here waits for anything."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel

from api.web.schemas import (
    CandidateDetail,
    CandidatePage,
    Candidates,
    CandidateView,
    Finish,
    InjectionView,
    JobPage,
    JobView,
    Points,
    Predictions,
    Rungs,
)

TABLES = ("csv", "parquet")
"""The formats in which the service writes tables."""

DEFAULT_URL = "http://127.0.0.1:8765"
TIMEOUT = 60.0

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and the function that reads the body of a successful answer."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    body: Any = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """Return the arguments of httpx beside method and path."""
        given = {name: value for name, value in self.parameters.items() if value is not None}
        return {"json": self.body, "params": given, "headers": dict(self.headers)}


def settings(url: str | None, key: str | None) -> dict[str, Any]:
    """Return the arguments of an httpx client; what is not given comes from STAR_URL and STAR_API_KEY."""
    base = (url or os.environ.get("STAR_URL") or DEFAULT_URL).rstrip("/")
    secret = (key or os.environ.get("STAR_API_KEY") or "").strip()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    # trust_env=False: proxy variables do not apply to the service.
    return {"base_url": base, "timeout": TIMEOUT, "trust_env": False, "headers": headers}


def plain(
    method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **parameters: Any
) -> Call[Any]:
    """Return a call whose answer is plain JSON."""
    return Call(method, path, lambda response: response.json(), body, parameters, headers or {})


def submit(plan: Mapping[str, Any] | None, preset: str, name: str, key: str | None) -> Call[JobView]:
    body = {"preset": preset, "name": name, "plan": dict(plan or {})}
    return Call("POST", "/v1/jobs", _model(JobView), body, headers=_once(key))


def jobs(state: str | None, search: str | None, page_token: str | None) -> Call[JobPage]:
    parameters = {"page_size": 200, "page_token": page_token, "state": state, "search": search}
    return Call("GET", "/v1/jobs", _model(JobPage), parameters=parameters)


def job(job_id: str) -> Call[JobView]:
    return Call("GET", f"/v1/jobs/{job_id}", _model(JobView))


def act(job_id: str, action: str) -> Call[JobView]:
    return Call("POST", f"/v1/jobs/{job_id}/{action}", _model(JobView))


def rename(job_id: str, name: str) -> Call[JobView]:
    return Call("PATCH", f"/v1/jobs/{job_id}", _model(JobView), {"name": name})


def delete(job_id: str) -> Call[None]:
    return Call("DELETE", f"/v1/jobs/{job_id}", lambda response: None)


def frontier(job_id: str) -> Call[list[CandidateView]]:
    path = f"/v1/jobs/{job_id}/frontier"
    return Call("GET", path, lambda response: _model(Candidates)(response).candidates)


def candidates(job_id: str, page_token: str | None) -> Call[CandidatePage]:
    parameters = {"page_size": 500, "page_token": page_token}
    return Call("GET", f"/v1/jobs/{job_id}/candidates", _model(CandidatePage), parameters=parameters)


def candidate(job_id: str, number: int) -> Call[CandidateDetail]:
    return Call("GET", f"/v1/jobs/{job_id}/candidates/{number}", _model(CandidateDetail))


def inject(job_id: str, genome: str, by: str, key: str | None) -> Call[InjectionView]:
    body = {"genome": genome, "by": by}
    return Call("POST", f"/v1/jobs/{job_id}/candidates", _model(InjectionView), body, headers=_once(key))


def points(job_id: str) -> Call[Points]:
    return Call("GET", f"/v1/jobs/{job_id}/points", _model(Points))


def finish(job_id: str) -> Call[Finish]:
    return Call("GET", f"/v1/jobs/{job_id}/finish", _model(Finish))


def rungs(job_id: str) -> Call[Rungs]:
    return Call("GET", f"/v1/jobs/{job_id}/rungs", _model(Rungs))


def predictions(job_id: str) -> Call[Predictions]:
    return Call("GET", f"/v1/jobs/{job_id}/predictions", _model(Predictions))


def retry(job_id: str, number: int) -> Call[CandidateView]:
    return Call("POST", f"/v1/jobs/{job_id}/candidates/{number}/retry", _model(CandidateView))


def built_export(job_id: str, number: int) -> Call[str]:
    path = f"/v1/jobs/{job_id}/candidates/{number}/export"
    return Call("POST", path, lambda response: str(response.json()["download"]))


def downloaded(path: str) -> Call[bytes]:
    return Call("GET", path, lambda response: response.content)


def whole_table(job_id: str, file: Path | str) -> Call[Path]:
    """Return the call whose answer is written to a file in the format that its name ends with.

    Raises:
        ValueError: the name ends with no format of the service.
    """
    form = Path(file).suffix.removeprefix(".")
    if form not in TABLES:
        raise ValueError(f"file must end with one of {', '.join(f'.{one}' for one in TABLES)}, not {str(file)!r}")

    def write(response: httpx.Response) -> Path:
        Path(file).write_bytes(response.content)
        return Path(file)

    return Call("GET", f"/v1/jobs/{job_id}/table", write, parameters={"format": form})


def unpacked(archive: bytes, folder: Path | str) -> Path:
    """Unpack an exported model below a folder, and return the directory of the model."""
    found = zipfile.ZipFile(io.BytesIO(archive))
    tops = {name.split("/")[0] for name in found.namelist()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    found.extractall(folder)  # extractall removes leading slashes and ".."
    return Path(folder) / tops.pop()


def _model(model: type[M]) -> Callable[[httpx.Response], M]:
    return lambda response: model.model_validate_json(response.content)


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}
