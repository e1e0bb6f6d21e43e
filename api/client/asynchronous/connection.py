"""Requests to the service and their answers, which every part of the client builds on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from api.client.errors import no_answer, require_success
from api.client.settings import TIMEOUT, settings
from api.web.schemas import CandidatePage, JobPage

M = TypeVar("M", bound=BaseModel)
P = TypeVar("P", JobPage, CandidatePage)


class Connection:
    """Connections to the service at a URL."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        options = settings(url, key)
        self.url: str = options["base_url"]
        try:
            self._http = httpx.AsyncClient(**options)
        except (httpx.InvalidURL, ValueError) as error:
            raise no_answer(self.url, error) from None

    async def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a GET; parameters that are None are left out."""
        response = await self._send("GET", path, **parameters)
        return response.json()

    async def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of a POST."""
        response = await self._send("POST", path, body, headers)
        return response.json()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _get(self, path: str, model: type[M], **parameters: Any) -> M:
        response = await self._send("GET", path, **parameters)
        return model.model_validate_json(response.content)

    async def _post(self, path: str, model: type[M], body: Any = None, key: str | None = None) -> M:
        """Return the answer to a POST; `key` is an idempotency key."""
        headers = {"Idempotency-Key": key} if key else None
        response = await self._send("POST", path, body, headers)
        return model.model_validate_json(response.content)

    async def _pages(self, path: str, model: type[P], **parameters: Any) -> AsyncIterator[P]:
        token: str | None = None
        while True:
            page = await self._get(path, model, page_token=token, **parameters)
            yield page
            if (token := page.next_page_token) is None:
                return

    async def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        **parameters: Any,
    ) -> httpx.Response:
        given = {name: value for name, value in parameters.items() if value is not None}
        options: dict[str, Any] = {"params": given} if given else {}  # none given would remove those in the path
        try:
            response = await self._http.request(method, path, json=body, headers=headers, timeout=timeout, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise no_answer(self.url, error) from None
        require_success(response)
        return response
