"""Pages as a public scanner of headers sees them: at least 135 of what can be had, and the scanner's own port is right."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from rhesis_app.projects.queries import ProjectView
from rhesis_app.web.tokens import cookie_name
from tests.factories import Given, RunPlan, make_run
from tests.header_score import content_security, cookies, integrity, rate, read_policy, score
from tests.people import PASSWORD, Person

SITE = "https://rhesis.example.org"
WANTED = 135


@pytest.fixture
def behind_tls(settings: Settings) -> Iterator[Flask]:
    """The application as browsers have it over https."""
    app = create_app(replace(settings, external_url=SITE, trusted_hosts=("rhesis.example.org",)))
    yield app
    app.extensions["rhesis"].engine.dispose()
    app.extensions["rhesis"].door.close()


def browse(app: Flask, person: Person | None, path: str) -> TestResponse:
    """A page, of somebody who is signed in or of nobody."""
    client = app.test_client()
    if person is not None:
        signed_in = client.post(
            "/login", data={"email": person.email, "password": PASSWORD}, base_url=SITE, headers={"Origin": SITE}
        )
        assert signed_in.status_code == 303
    return client.get(path, base_url=SITE)


def test_login_overview_and_a_run_score_at_least_135(
    behind_tls: Flask, alice: Person, project: ProjectView, figure: Callable[..., None]
) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
    how = "the rules of the HTTP Observatory, ported; the page as browsers have it over https"
    for name, person, path in (
        ("login", None, "/login"),
        ("overview", alice, f"/p/{project.slug}/"),
        ("run", alice, f"/p/{project.slug}/runs/{run.number}"),
    ):
        answer = browse(behind_tls, person, path)
        assert answer.status_code == 200
        points = score(answer)
        figure(f"headers/score of the {name} page", points, f"≥ {WANTED}", points >= WANTED, f"{how}; {rate(answer)}")


def test_the_sessions_cookie_costs_nothing(behind_tls: Flask, alice: Person, settings: Settings) -> None:
    answer = behind_tls.test_client().post(
        "/login", data={"email": alice.email, "password": PASSWORD}, base_url=SITE, headers={"Origin": SITE}
    )
    set_cookies = answer.headers.getlist("Set-Cookie")
    assert any(value.startswith(cookie_name(replace(settings, external_url=SITE))) for value in set_cookies)
    assert cookies(set_cookies, hsts=True) == 5


def test_every_script_and_style_sheet_carries_its_digest(behind_tls: Flask) -> None:
    for path in ("/login", "/api/docs"):
        page = browse(behind_tls, None, path).get_data(as_text=True)
        assert page.count("<script") + page.count('rel="stylesheet"') == page.count('integrity="sha384-')


@pytest.mark.parametrize(
    ("policy", "modifier"),
    [
        ("", -25),
        ("default-src 'none'; script-src 'nonce-x'; form-action 'self'", 10),
        ("default-src 'self'; script-src 'nonce-x'", 5),
        ("default-src 'none'; style-src 'self' 'unsafe-inline'", 0),
        ("default-src 'none'; script-src 'self' 'unsafe-eval'", -10),
        ("default-src 'none'; img-src http:", -10),
        ("script-src 'self' 'unsafe-inline'; object-src 'none'", -20),
        ("default-src 'none'; script-src 'nonce-x' 'unsafe-inline'", 10),
        ("img-src 'self'", -20),
    ],
)
def test_policies_are_rated_as_published(policy: str, modifier: int) -> None:
    assert content_security(read_policy([policy] if policy else [])) == modifier


@pytest.mark.parametrize(
    ("value", "modifier"),
    [
        ("__Host-rhesis=x; Secure; HttpOnly; SameSite=Lax", 5),
        ("__Host-rhesis=x; Secure; HttpOnly", 0),
        ("login=x; Secure; SameSite=Lax", -30),
        ("session=x; HttpOnly; SameSite=Lax", -10),
        ("theme=x; SameSite=Lax", -5),
        ("csrf=x; Secure", -20),
        ("theme=x; Secure; SameSite=Sometimes", -20),
    ],
)
def test_cookies_are_rated_as_published(value: str, modifier: int) -> None:
    assert cookies([value], hsts=True) == modifier


@pytest.mark.parametrize(
    ("page", "modifier"),
    [
        ("<p>", 0),
        ("<script src=/a.js></script>", 0),
        ("<script src=/a.js integrity=sha384-x></script>", 5),
        ("<script src=https://cdn.example/a.js></script>", -5),
        ("<script src=//cdn.example/a.js></script><script src=/a.js integrity=x></script>", -50),
    ],
)
def test_scripts_are_rated_as_published(page: str, modifier: int) -> None:
    assert integrity(page) == modifier
