"""What the layout is told."""

from dataclasses import replace

import pytest

from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.web.shell import ProjectLink, Shell, initials_of

SHELL = Shell(
    organization_name="Meridian",
    user_name="Ines Caldera",
    user_email="ines@m.example",
    role="Admin",
    nonce="n",
    csrf_token="c",
)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ines Caldera", "IC"),
        ("Ana María de la Vega", "AV"),
        ("ben", "B"),
        ("(x) Øster", "Ø"),
        ("", "?"),
        ("élan", "É"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials_of(name) == letters


def test_without_a_name_the_address_gives_the_initials() -> None:
    assert replace(SHELL, user_name="").initials == "I"


def test_outside_a_project_there_is_no_project_navigation() -> None:
    assert SHELL.groups == ()
    inside = replace(SHELL, project=ProjectLink(name="P", slug="p"), may_here=BUILT_IN_ROLES["Viewer"])
    assert [entry.key for group in inside.groups for entry in group.entries] == [
        "overview",
        "runs",
        "schedules",
        "compare",
        "reports",
        "project_members",
        "requirements",
        "tests",
        "test_sets",
        "prompts",
        "metrics",
        "gates",
        "endpoints",
        "models",
    ]


def test_what_may_not_be_opened_in_the_project_is_not_shown_whatever_holds_across_the_organization() -> None:
    inside = replace(SHELL, project=ProjectLink(name="P", slug="p"), may=BUILT_IN_ROLES["Owner"])
    seen = replace(inside, may_here=frozenset({Permission.RUN_READ})).groups
    assert [(group.label, [entry.key for entry in group.entries]) for group in seen] == [
        ("Project", ["overview", "runs", "schedules", "compare", "reports"]),
        ("Define", ["gates"]),
    ]


def test_whoever_reads_one_project_sees_what_is_done_in_the_background() -> None:
    assert [entry.key for entry in replace(SHELL, reads_projects=True).settings] == ["preferences", "jobs", "recycle"]


def test_settings_that_may_not_be_opened_are_not_shown() -> None:
    assert [entry.key for entry in SHELL.settings] == ["preferences"]
    for permission, key in ((Permission.TOKEN_MANAGE, "tokens"), (Permission.PLUGIN_READ, "plugins")):
        seen = replace(SHELL, may=frozenset({permission})).settings
        assert {entry.key for entry in seen} == {"preferences", key}
