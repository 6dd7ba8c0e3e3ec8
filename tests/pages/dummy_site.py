"""A small Flask app with the real templates and static files, a dummy rule for each linked address, no database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

from flask import Flask

from rhesis_app.infra.site import site_directory
from rhesis_app.kernel.permissions import BUILT_IN_ROLES
from rhesis_app.web.shell import BareShell, ProjectLink, Shell
from rhesis_app.web.templating import configure_templates

TEMPLATES = site_directory() / "templates"
NOW = datetime(2026, 6, 18, 11, 12, 0, tzinfo=UTC)

RULES = {
    "archives.index": "/settings/data",
    "auth.login": "/login",
    "auth.logout": "/logout",
    "auth.first_start": "/start/<token>",
    "auth.sign_in_link": "/sign-in/<token>",
    "profile.index": "/settings/profile",
    "organizations.index": "/organizations",
    "reset.ask": "/forgotten",
    "notifications.index": "/notifications",
    "members.index": "/settings/members",
    "auth.tokens": "/settings/tokens",
    "auth.revoke_token": "/settings/tokens/<token_id>/revoke",
    "audit.index": "/settings/audit",
    "plugins.index": "/settings/plugins",
    "recycle.index": "/settings/recycle-bin",
    "jobs.index": "/settings/jobs",
    "preferences.index": "/settings/notifications",
    "projects.index": "/",
    "projects.create": "/projects",
    "projects.overview": "/p/<slug>/",
    "endpoints.index": "/p/<slug>/endpoints",
    "models.index": "/p/<slug>/models",
    "requirements.index": "/p/<slug>/requirements",
    "metrics.index": "/p/<slug>/metrics",
    "prompts.index": "/p/<slug>/prompts",
    "tests.index": "/p/<slug>/tests",
    "test_sets.index": "/p/<slug>/test-sets",
    "runs.index": "/p/<slug>/runs",
    "comparisons.show": "/p/<slug>/compare",
    "reports.index": "/p/<slug>/reports",
    "gates.index": "/p/<slug>/gates",
    "schedules.index": "/p/<slug>/schedules",
}

PROJECT = ProjectLink(name="Support Copilot", slug="support-copilot")
SHELL = Shell(
    organization_name="Meridian Goods",
    user_name="Ines Caldera",
    user_email="ines@meridian.example",
    role="Admin",
    nonce="n0nce",
    csrf_token="csrf-1",
    project=PROJECT,
    projects=(PROJECT, ProjectLink(name="Warehouse Agent", slug="warehouse-agent")),
    section="runs",
    counts={"runs": 214},
    may=BUILT_IN_ROLES["Admin"],
)
BARE = BareShell(nonce="n0nce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The attributes of a pass rate that templates read."""

    value: float | None
    low: float | None
    high: float | None
    passed: int
    n: int
    excluded: int


RATE = Rate(value=128 / 145, low=0.82, high=0.925, passed=128, n=145, excluded=5)
EMPTY_RATE = Rate(value=None, low=None, high=None, passed=0, n=0, excluded=3)
TOTALS = SimpleNamespace(planned=150, passed=128, failed=17, error=3, unscored=2, pending=0, cancelled=0)
RUNNING = SimpleNamespace(planned=150, passed=55, failed=6, error=1, unscored=0, pending=88, cancelled=0)


def param(name: str, kind: str, **changes: object) -> SimpleNamespace:
    """A parameter's description with the attributes the SDK gives it."""
    usual: dict[str, object] = {
        "title": name.replace("_", " ").capitalize(),
        "help": "",
        "choices": (),
        "minimum": None,
        "maximum": None,
        "required": False,
        "default": None,
        "multiline": False,
    }
    return SimpleNamespace(name=name, kind=kind, **(usual | changes))


def evaluation(**changes: object) -> SimpleNamespace:
    """One evaluation of a result as its list shows it."""
    usual: dict[str, object] = {
        "metric": "Grounded in sources",
        "required": True,
        "verdict": "failed",
        "score": 0.42,
        "label": None,
        "rule": "≥ 0.70",
        "threshold": 0.7,
        "low": 0.0,
        "high": 1.0,
        "reason": "Two of five claims have no source.",
        "evidence": {"found": "60 nights", "at": [1, 2]},
        "detail": "12 ms",
    }
    return SimpleNamespace(**(usual | changes))


def build_site() -> Flask:
    """The app; every rule answers with its own name."""
    app = Flask("dummy_site", template_folder=str(TEMPLATES), static_folder=str(site_directory() / "static"))
    app.config["TESTING"] = True
    configure_templates(app)
    for endpoint, rule in RULES.items():
        app.add_url_rule(rule, endpoint=endpoint, view_func=lambda **_parts: "", methods=["GET", "POST"])
    return app
