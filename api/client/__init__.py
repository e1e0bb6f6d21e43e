"""A client for Python programs and notebooks: `Star`, and `AsyncStar` for asynchronous ones."""

from api.client.asynchronous.star import AsyncStar
from api.client.errors import ServiceError
from api.client.synchronous.star import Star
from api.client.table import table

__all__ = ["AsyncStar", "ServiceError", "Star", "table"]
