"""The headers that protect a browser, on every kind of answer."""

import pytest
from flask import Flask

from rhesis_app.projects.queries import ProjectView
from tests.people import Person

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
PATHS = (
    "/login", "/", "/settings/tokens", "/api/docs", "/api/openapi.json", "/api/v1/projects", "/api/v1/nothing",
    "/nowhere", "/health", "/metrics", "/static/css/app.css", "/static/nothing.css",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_every_kind_of_answer_carries_them_all(app: Flask, alice: Person, path: str, method: str) -> None:
    for client in (app.test_client(), alice.web._client):
        answer = client.open(path, method=method, buffered=True)
        answer.close()
        assert {name: answer.headers.get(name) for name in FIXED} == FIXED
        policy = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
            assert part in policy
        assert "unsafe" not in policy
        assert answer.headers.getlist("Content-Security-Policy") == [policy]


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith("/static/css")])
def test_only_files_may_be_kept(alice: Person, path: str) -> None:
    kept = alice.web.get(path).headers.get("Cache-Control", "")
    assert "no-store" in kept


def test_a_download_carries_them_as_well(alice: Person, project: ProjectView) -> None:
    made = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Set"}).json
    answer = alice.api.get(f"/test-sets/{made['id']}/export?format=csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert {name: answer.headers.get(name) for name in FIXED} == FIXED
