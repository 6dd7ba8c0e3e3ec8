"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest

from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission

ROOT = Path(__file__).parents[2]
NAME = re.compile(
    r"\b(?:RHESIS_[A-Z_]+|DATABASE_URL|REDIS_URL|SECRET_KEY|JWT_ALGORITHM|OPENAI_API_KEY|OPENAI_BASE_URL)\b"
)
# set by tests and by the project's own checks, not by an operator
INTERNAL = {"RHESIS_BROWSER_REQUIRED"}
# flask's own names for what we call otherwise
FLASKS = {"SECRET_KEY_FALLBACKS"}


def names_in(*paths: Path) -> set[str]:
    return {name for path in paths for name in NAME.findall(path.read_text("utf-8"))} - INTERNAL - FLASKS


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    code = names_in(*(ROOT / "rhesis_app").rglob("*.py"), ROOT / "deploy/compose.yml")
    assert names_in(ROOT / "docs/configuration.md") == code


def test_the_example_environment_names_only_settings_that_exist() -> None:
    assert names_in(ROOT / ".env.example") <= names_in(ROOT / "docs/configuration.md")


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=str)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_the_table_of_roles_is_what_they_may_do() -> None:
    table = (ROOT / "docs/colleagues.md").read_text("utf-8")
    head = next(line for line in table.split("\n") if line.startswith("| permission |"))
    roles = [cell.strip() for cell in head.strip("|").split("|")][1:]
    rows = re.findall(r"^\| `([a-z_]+:[a-z]+)` \|(.*)\|$", table, re.MULTILINE)
    written = {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}
    assert roles == list(BUILT_IN_ROLES)
    assert written == {
        str(permission): ["yes" if permission in may else "–" for may in BUILT_IN_ROLES.values()]
        for permission in Permission
    }


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text("utf-8"))) <= targets
