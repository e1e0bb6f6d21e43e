"""Requests and flows of requests that Schemathesis makes from the service's OpenAPI document."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any, cast

import schemathesis
import schemathesis.specs.openapi.object_authorization
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.process.settings import Settings
from api.web.app import create_app
from search.archive import Archive

STEPS = 20
"""Requests of a flow at most."""

AT_ONCE = 25
"""Flows that are drawn together."""

EXCLUDED = [positive_data_acceptance]
"""No schema says which head sizes divide which widths, so some of what it allows is refused, as documented."""


class Tally:
    """What the requests of one kind were answered.

    Attributes:
        statuses: number of answers by status.
        untrue: answers that the document does not allow, each told in a line.
    """

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.untrue: list[str] = []

    def add(self, case: Any, response: Any) -> None:
        """Count an answer, and compare it with the document."""
        self.statuses[response.status_code] += 1
        try:
            case.validate_response(response, excluded_checks=EXCLUDED)
        except Exception as error:  # Schemathesis raises groups of its own kinds
            self.untrue.append(f"{case.operation.label}: {response.status_code}: {type(error).__name__}")


def document() -> Any:
    """Return the operations of the service that end by themselves."""
    described = create_app(cast(Archive, None), Settings()).openapi()
    return schemathesis.openapi.from_dict(described).exclude(path_regex="/events$")


def single(url: str, each: int) -> Tally:
    """Send so many requests of each operation, legal and not."""
    tally = Tally()
    for found in document().get_all_operations():
        _drawn(found.ok(), url, each, tally)
    return tally


def flows(url: str, count: int) -> Tally:
    """Send so many flows of requests, in which later ones use what earlier ones were answered."""
    tally = Tally()

    class Flow(document().as_state_machine()):  # type: ignore[misc]  # a class made of the document
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": url}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            tally.add(case, response)

    for n in range(-(-count // AT_ONCE)):
        with suppress(FlakyStrategyDefinition):  # a flow came again, and the service had changed meanwhile
            seed(n)(Flow).run(settings=_settings(AT_ONCE, stateful_step_count=STEPS, derandomize=False))
    return tally


def _drawn(operation: Any, url: str, each: int, tally: Tally) -> None:
    def send(case: Any) -> None:
        tally.add(case, case.call(base_url=url))

    for mode in schemathesis.GenerationMode:
        with suppress(Unsatisfiable):  # an operation that takes nothing has no illegal requests
            _settings(each)(given(case=operation.as_strategy(generation_mode=mode))(send))()


def _settings(count: int, **others: Any) -> Any:
    every = {"deadline": None, "derandomize": True, "phases": [Phase.generate], "database": None}
    return settings(max_examples=count, suppress_health_check=list(HealthCheck), **(every | others))
