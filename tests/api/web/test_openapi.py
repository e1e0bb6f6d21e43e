"""The OpenAPI document is true: whatever a generator makes of it, the service answers as it says."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import pytest
import schemathesis
import schemathesis.specs.openapi.object_authorization
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.process.settings import Settings
from api.web.app import create_app
from evaluator.evaluation import Failure
from evaluator.tasks.registry import metrics
from genome.classes.alphabet import TokenMixing
from search.archive import Archive
from search.archive.values import CandidateState, JobState
from search.origin import Purpose, Variation
from search.plan.presets import PRESETS
from tests.served import Service

pytestmark = pytest.mark.slow

EVENT_STREAMS = "/events$"
"""They do not end by themselves."""

DOCUMENT = create_app(cast(Archive, None), Settings()).openapi()
"""Made without an archive: describing the service takes none."""

schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex=EVENT_STREAMS)


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True)
def test_answers_are_as_documented(case: schemathesis.Case[Any], service: Service) -> None:
    # No schema says which head sizes divide which widths, so some of what it allows is refused, as documented.
    case.call_and_validate(base_url=service.url, excluded_checks=[positive_data_acceptance])


def test_flows_of_requests_are_answered_as_documented(service: Service) -> None:
    """Later requests of a flow use what earlier ones were answered, such as the id of a search."""
    statuses: set[tuple[str, int]] = set()
    untrue: list[Exception] = []

    class Flow(schema.as_state_machine()):  # type: ignore[misc]  # a class made of the document
        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return {"base_url": service.url}

        def validate_response(self, response: Any, case: schemathesis.Case[Any], *_: Any, **__: Any) -> None:
            statuses.add((case.operation.label, response.status_code))
            try:
                case.validate_response(response, excluded_checks=[positive_data_acceptance])
            except Exception as error:
                untrue.append(error)

    drawn = settings(
        max_examples=8,
        stateful_step_count=12,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for n in range(3):
        with suppress(FlakyStrategyDefinition):  # a flow came again, and the service had changed meanwhile
            seed(n)(Flow).run(settings=drawn)

    assert untrue == []
    gone_on = [label for label, status in statuses if "{job_id}" in label and status < 300]
    assert gone_on, "a flow goes on with the id of a search"


def test_the_document_names_every_route_and_its_problems() -> None:
    paths = DOCUMENT["paths"]

    operations = {(method, path): one for path, methods in paths.items() for method, one in methods.items()}
    assert ("post", "/v1/jobs") in operations
    assert len(operations) >= 18
    for (_, path), operation in operations.items():
        if "{" in path:
            assert {"404", "422"} <= set(operation["responses"]), path
        assert operation["summary"]
        assert operation["description"]


METRIC_KEYS = [name + suffix for name in metrics() for suffix in ("", "_stderr")]


@pytest.mark.parametrize(
    ("model", "path", "values"),
    [
        ("JobRequest", ("properties", "preset"), list(PRESETS)),
        ("JobView", ("properties", "state"), list(JobState)),
        ("CandidateView", ("properties", "state"), list(CandidateState)),
        ("CandidateView", ("properties", "variation"), list(Variation)),
        ("CandidateView", ("properties", "failure", "anyOf", 0), list(Failure)),
        ("CandidateView", ("properties", "metrics", "propertyNames"), METRIC_KEYS),
        ("TrainingView", ("properties", "purpose"), list(Purpose)),
        ("Points", ("properties", "state", "items"), list(CandidateState)),
        ("Points", ("properties", "failure", "items", "anyOf", 0), list(Failure)),
        ("Points", ("properties", "metrics", "propertyNames"), METRIC_KEYS),
        ("CatalogueClass", ("properties", "structure"), [one.name.lower() for one in TokenMixing]),
    ],
)
def test_the_document_lists_the_values_of_every_closed_set(
    model: str, path: tuple[str | int, ...], values: list[str]
) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    node: Any = schemas[model]
    for step in path:
        node = node[step]
    node = schemas[node["$ref"].rpartition("/")[2]] if "$ref" in node else node

    assert node["enum"] == values
