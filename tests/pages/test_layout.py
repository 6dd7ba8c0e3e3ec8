"""The frame around every page, the sign-in pages and the error page."""

import re
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, render_template, render_template_string

from rhesis_app.web.shell import ErrorPage, Flash, Shell
from tests.pages import dummy_site as dummy

PAGE = '{% extends "layout/page.html" %}{% block title %}Runs{% endblock %}{% block main %}<h1>Runs</h1>{% endblock %}'


@pytest.fixture(scope="module")
def site() -> Flask:
    return dummy.build_site()


def page(site: Flask, shell: Shell) -> str:
    with site.test_request_context("/"):
        return render_template_string(PAGE, shell=shell)


def rendered(site: Flask, template: str, **values: Any) -> str:
    with site.test_request_context("/"):
        return render_template(template, **values)


def test_the_navigation_links_to_the_project_and_marks_where_one_is(site: Flask) -> None:
    html = page(site, dummy.SHELL)
    assert '<a href="/p/support-copilot/runs" aria-current="page">' in html
    assert html.count('aria-current="page"') == 1
    assert '<span class="count">214</span>' in html
    assert "/p/support-copilot/test-sets" in html


def test_outside_a_project_only_the_projects_are_offered(site: Flask) -> None:
    html = page(site, replace(dummy.SHELL, project=None, section="projects"))
    assert "/p/support-copilot/runs" not in html
    assert '<a href="/" aria-current="page">' in html


def test_what_one_may_not_do_is_not_offered(site: Flask) -> None:
    html = page(site, replace(dummy.SHELL, may=frozenset()))
    assert "New project" not in html
    assert not {"/settings/tokens", "/settings/plugins", "/settings/members"} & set(re.findall(r'href="([^"]+)"', html))


def test_signing_out_is_posted_with_the_token(site: Flask) -> None:
    assert re.search(
        r'<form method="post" action="/logout"><input type="hidden" name="csrf_token" value="csrf-1">',
        page(site, dummy.SHELL),
    )


def test_every_script_carries_the_nonce_and_nothing_is_inline(site: Flask) -> None:
    html = page(site, dummy.SHELL)
    scripts = re.findall(r"<script[^>]*>([^<]*)</script>", html)
    assert scripts
    assert not any(scripts)
    assert html.count('nonce="n0nce"') == len(scripts)


def test_static_addresses_carry_their_version_but_fonts_do_not(site: Flask) -> None:
    html = page(site, dummy.SHELL)
    assert re.search(r'href="/static/css/app\.css\?v=[0-9a-f]{10}"', html)
    assert 'href="/static/fonts/geist.woff2"' in html


def test_an_unknown_static_file_is_an_error(site: Flask) -> None:
    with site.test_request_context("/"), pytest.raises(LookupError, match=r"css/missing\.css"):
        render_template_string("{{ asset('css/missing.css') }}")


def test_static_addresses_follow_the_mount_point(site: Flask) -> None:
    with site.test_request_context("/", environ_overrides={"SCRIPT_NAME": "/rhesis"}):
        assert render_template_string("{{ asset('css/app.css') }}").startswith("/rhesis/static/css/app.css?v=")


def test_flashes_become_toasts_with_undo(site: Flask) -> None:
    html = page(site, replace(dummy.SHELL, flashes=(Flash(text="Archived", undo_url="/undo"),)))
    assert "Archived" in html
    assert '<form method="post" action="/undo">' in html


def test_names_of_people_and_projects_are_escaped(site: Flask) -> None:
    html = page(site, replace(dummy.SHELL, user_name="<b>x", organization_name="<i>y"))
    assert "<b>x" not in html
    assert "<i>y" not in html


@pytest.mark.parametrize("message", ["", "E-mail or password is wrong."])
def test_the_sign_in_form_keeps_everything_but_the_password(site: Flask, message: str) -> None:
    form = SimpleNamespace(email="ines@meridian.example", stay_signed_in=True, next="/p/x/")
    html = rendered(
        site,
        "auth/login.html",
        shell=dummy.BARE,
        form=form,
        errors={},
        message=message,
        is_new=False,
        is_open=False,
        provider="",
    )
    assert 'value="ines@meridian.example"' in html
    assert '<input type="hidden" name="next" value="/p/x/">' in html
    assert re.search(r'name="stay_signed_in" value="true" checked', html)
    assert message in html
    assert ('role="alert"' in html) is bool(message)


def test_the_first_start_form_posts_to_its_link(site: Flask) -> None:
    form = SimpleNamespace(organization_name="", name="", email="x")
    errors = {"email": ["This is not an e-mail address."]}
    html = rendered(site, "auth/first_start.html", shell=dummy.BARE, token="t0k", form=form, errors=errors, message="")
    assert 'action="/start/t0k"' in html
    assert "This is not an e-mail address." in html
    assert {"organization_name", "name", "email", "password"} <= set(re.findall(r' name="(\w+)"', html))


@pytest.mark.parametrize("email", ["ines@meridian.example", ""])
def test_a_sign_in_link_is_used_up_only_by_posting(site: Flask, email: str) -> None:
    html = rendered(site, "auth/sign_in_link.html", shell=dummy.BARE, token="t0k", email=email)
    assert '<form class="stack auth-main" method="post" action="/sign-in/t0k">' in html
    assert email in html


def test_an_error_page_says_what_to_do_and_its_request(site: Flask) -> None:
    error = ErrorPage(
        status=404, title="Not found", detail="Look <there>.", request_id="01JZ", links=(("Switch", "/switch"),)
    )
    html = rendered(site, "errors/page.html", shell=dummy.BARE, error=error)
    assert "Look &lt;there&gt;." in html
    assert "01JZ" in html
    assert '<a class="btn btn--primary" href="/switch">Switch</a>' in html
    assert "Go to your projects" not in html


def test_an_error_page_without_links_leads_home(site: Flask) -> None:
    html = rendered(site, "errors/page.html", shell=dummy.BARE, error=ErrorPage(status=500, title="T", detail="D"))
    assert "Go to your projects" in html
    assert "request id" not in html


def token_row(**changes: Any) -> SimpleNamespace:
    usual: dict[str, Any] = {
        "id": "7",
        "name": "CI",
        "prefix": "rhx_4fJk",
        "scopes": ("run:read",),
        "project_name": None,
        "created_at": dummy.NOW - timedelta(days=9),
        "last_used_at": None,
        "expires_at": dummy.NOW + timedelta(days=20),
        "is_expired": False,
    }
    return SimpleNamespace(**(usual | changes))


def tokens_page(site: Flask, **changes: Any) -> str:
    usual: dict[str, Any] = {
        "shell": replace(dummy.SHELL, section="tokens", project=None),
        "tokens": [token_row(), token_row(id="8", name="Old", is_expired=True)],
        "form": SimpleNamespace(name="", expires_in_days="90", preset="run", project_id="", scopes=()),
        "presets": (("run", "Run tests", "Start runs."),),
        "permissions": ("run:read",),
        "shows_services": False,
        "expiry_choices": (("90", "90 days"),),
        "projects": (("", "All projects"),),
        "errors": {},
        "message": "",
        "fresh": None,
        "now": dummy.NOW,
    }
    return rendered(site, "auth/tokens.html", **(usual | changes))


def test_tokens_are_listed_and_revoked_after_a_question(site: Flask) -> None:
    html = tokens_page(site)
    assert "rhx_4fJk…" in html
    assert "never" in html
    assert "Ended" in html
    assert '<form method="post" action="/settings/tokens/7/revoke">' in html
    assert "data-modal" not in html


def test_a_fresh_secret_is_shown(site: Flask) -> None:
    assert "rhx_secret" in tokens_page(site, fresh=SimpleNamespace(name="CI", secret="rhx_secret"))


def test_the_form_of_a_token_opens_again_with_its_errors(site: Flask) -> None:
    html = tokens_page(site, errors={"name": ["Give it a name."]})
    assert re.search(r'<dialog class="dialog" id="d-token"[^>]* open data-modal>', html)
    assert "Give it a name." in html


def test_without_tokens_the_page_says_what_they_are_for(site: Flask) -> None:
    assert "No tokens yet" in tokens_page(site, tokens=[])


def test_templates_share_the_globals_of_their_environment(app: Flask) -> None:
    """A chain over them would be gone through name by name at every import on a page."""
    assert app.jinja_env.get_template("layout/document.html").globals is app.jinja_env.globals
