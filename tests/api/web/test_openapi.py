"""The OpenAPI document is true: whatever a generator makes of it, the service answers as it says."""

from __future__ import annotations

from typing import cast

import schemathesis
from hypothesis import settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.process.settings import Settings
from api.web.app import create_app
from search.archive import Archive
from tests.served import Service

EVENT_STREAMS = "/events$"
"""They do not end by themselves."""

DOCUMENT = create_app(cast(Archive, None), Settings()).openapi()
"""Made without an archive: describing the service takes none."""

schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex=EVENT_STREAMS)


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True)
def test_answers_are_as_documented(case: schemathesis.Case, service: Service) -> None:
    # No schema says which head sizes divide which widths, so some of what it allows is refused, as documented.
    case.call_and_validate(base_url=service.url, excluded_checks=[positive_data_acceptance])


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
