"""The one exception of a client: an answer that is an error, or no answer."""

from __future__ import annotations

import httpx


class ServiceError(Exception):
    """The service refused a request (`refused` is true), or it failed or could not be reached (false).

    Attributes:
        status: the HTTP status; None without an answer.
    """

    def __init__(self, message: str, refused: bool, status: int | None = None) -> None:
        super().__init__(message)
        self.refused = refused
        self.status = status


def no_answer(url: str, error: Exception) -> ServiceError:
    """Return the error of a request to which nothing answered."""
    return ServiceError(f"no answer from {url}: {error}; `star serve` starts a service", False)


def require_success(response: httpx.Response) -> None:
    """Check an answer whose body was read.

    Raises:
        ServiceError: it is an error; the message is the problem that it describes.
    """
    if response.is_error:
        raise ServiceError(_reason(response), response.status_code < 500, response.status_code)


def _reason(response: httpx.Response) -> str:
    try:
        problem = response.json()
        details = [
            f"{one.get('pointer') or one.get('parameter') or 'request'}: {one['detail']}"
            for one in problem.get("errors", [])
        ]
        return "; ".join(details) or str(problem["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{response.status_code} {response.reason_phrase} from {response.url}"
