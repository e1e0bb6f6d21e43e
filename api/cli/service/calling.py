"""A call of the service, and the options and arguments that its commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from api.cli.output import BAD_INPUT, FAILED, fail

Url = Annotated[str, typer.Option("--url", envvar="STAR_URL", help="Address of the service.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", help="A candidate's number.", min=1)]
Key = Annotated[str | None, typer.Option("--idempotency-key", help="A repeat with the same key creates nothing new.")]
DEFAULT_URL = "http://127.0.0.1:8765"


@contextmanager
def calling(url: str) -> Iterator[Any]:
    """Yield a client of the service at a URL. Its errors end the command with one line."""
    from api.client import ServiceError, Star

    try:
        with Star(url) as service:
            yield service
    except ServiceError as error:
        fail(str(error), BAD_INPUT if error.refused else FAILED)
    except OSError as error:
        fail(str(error), FAILED)
