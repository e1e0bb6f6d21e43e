"""An HTTP client of the API. Every error response becomes an exception with one sentence."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import httpx

TIMEOUT = 60.0


class ServiceError(Exception):
    """The service refused the request (`refused` is true), or it failed or could not be reached (false)."""

    def __init__(self, message: str, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class Client:
    """A client of the service at a URL. It sends the API key of the variable STAR_API_KEY, if there is one."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        key = os.environ.get("STAR_API_KEY", "").strip()
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, **parameters: Any) -> Any:
        return self._send("GET", path, params={k: v for k, v in parameters.items() if v is not None}).json()

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return self._send("POST", path, json=body, headers=headers or {}).json()

    def export(self, job_id: str, number: int, folder: Path) -> Path:
        """Export a candidate, unpack the archive below `folder`, and return the directory of the model."""
        path = f"/v1/jobs/{job_id}/candidates/{number}/export"
        built = self.post(path)
        archive = zipfile.ZipFile(io.BytesIO(self._send("GET", built["download"]).content))
        tops = {name.split("/")[0] for name in archive.namelist()}
        folder.mkdir(parents=True, exist_ok=True)
        archive.extractall(folder)  # extractall removes leading slashes and ".."
        return folder / tops.pop()

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            # trust_env=False: proxy variables do not apply to the service.
            with httpx.Client(base_url=self.url, timeout=TIMEOUT, trust_env=False, headers=self._headers) as client:
                response = client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(f"no answer from {self.url}: {error}; `star serve` starts a service", False) from None
        if response.is_error:
            raise ServiceError(_reason(response), response.status_code < 500)
        return response


def _reason(response: httpx.Response) -> str:
    try:
        problem = response.json()
        details = [
            f"{one.get('pointer') or one.get('parameter') or 'request'}: {one['detail']}" for one in problem["errors"]
        ]
        return "; ".join(details) or str(problem["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{response.status_code} {response.reason_phrase} from {response.url}"
