"""Bodies of endpoints, and one that exists."""

from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.people import Person


@pytest.fixture
def body(project: ProjectView) -> dict[str, Any]:
    """What makes an endpoint."""
    return {
        "project_id": str(project.id),
        "name": "Chat",
        "url": "http://127.0.0.1:9000/chat",
        "method": "POST",
        "headers": {"X-Tenant": "acme"},
        "request_template": {"message": "{{ input }}"},
        "response_mapping": {"output": "$.reply"},
        "auth": {"kind": "none"},
        "timeout_s": 60,
        "max_concurrency": 16,
    }


@pytest.fixture
def made(alice: Person, body: dict[str, Any]) -> dict[str, Any]:
    """An endpoint of Alice's, as the API showed it."""
    answer = alice.api.post("/endpoints", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)
