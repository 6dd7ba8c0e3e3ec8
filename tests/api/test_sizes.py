"""How much is taken at once, tried with bodies of that size: what fits is taken or judged, more is refused and nothing is kept."""

import io
import json
from typing import Any

import pytest

from rhesis_app.authoring.models import ImportSession
from rhesis_app.projects.models import Project
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

BODY = 12 * 1024 * 1024
FIELD = 4 * 1024 * 1024


def as_json(size: int) -> bytes:
    """A project to make, in a body of so many bytes."""
    frame = json.dumps({"name": "Large", "description": ""}).encode()
    return frame.replace(b'""', b'"' + b"d" * (size - len(frame)) + b'"')


def as_form(**parts: bytes) -> dict[str, Any]:
    """The options of a request with these fields; `file` is a file."""
    lines = []
    for name, content in parts.items():
        more = b'; filename="large.csv"' if name == "file" else b""
        lines += [b"--limit", b'Content-Disposition: form-data; name="' + name.encode() + b'"' + more, b"", content]
    return {"data": b"\r\n".join([*lines, b"--limit--", b""]), "content_type": "multipart/form-data; boundary=limit"}


def test_a_body_past_twelve_megabytes_is_refused_by_its_length(alice: Person) -> None:
    fits = alice.api.call("POST", "/projects", data=as_json(BODY), content_type="application/json")
    assert (fits.status_code, list(fits.json["errors"])) == (422, ["description"])
    refused = alice.api.call("POST", "/projects", data=as_json(BODY + 1), content_type="application/json")
    assert (refused.status_code, refused.content_type) == (413, "application/problem+json")
    assert "12 MB" in refused.json["detail"]
    assert alice.count(Project) == 0


def test_a_body_that_does_not_say_its_length_is_none(alice: Person) -> None:
    """What comes in pieces is read by the server in front, which says how long it was; here it counts as empty."""
    answer = alice.api.call(
        "POST", "/projects", input_stream=io.BytesIO(as_json(BODY + 1)), content_type="application/json"
    )
    assert answer.status_code in {413, 422}
    assert alice.count(Project) == 0


def test_a_field_beside_a_file_past_four_megabytes_is_refused(alice: Person) -> None:
    form = as_form(csrf_token=alice.web.csrf.encode(), name=b"n" * (FIELD + 1))
    refused = alice.web._client.post("/projects", **form)
    assert refused.status_code == 413
    assert "text/html" in refused.content_type
    assert alice.count(Project) == 0


@pytest.mark.parametrize(("size", "status"), [(BODY - 2048, 201), (BODY + 1, 413)])
def test_a_file_is_taken_as_far_as_a_body_may_go(alice: Person, project: ProjectView, size: int, status: int) -> None:
    line = b"Where is my parcel? " * 2000 + b"\n"
    content = (b"prompt\n" + line * (size // len(line) + 1))[:size]
    answer = alice.api.post("/imports", **as_form(project_id=str(project.id).encode(), file=content))
    assert answer.status_code == status, answer.text[:300]
    assert alice.count(ImportSession) == (status == 201)
