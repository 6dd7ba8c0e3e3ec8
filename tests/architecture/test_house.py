"""The house rules that a linter does not know: sizes, names, who reads the environment, who opens connections."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rhesis_app.infra.orm import Base, TenantOwned

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(
    path
    for folder in ("rhesis_app", "plugins")
    for path in (ROOT / folder).rglob("*.py")
    if "tests" not in path.relative_to(ROOT).parts and "_site" not in path.parts
)
FORBIDDEN = re.compile(r"^(util|utils|helper|helpers|common|misc|manager|handler|base|data|info|process|do_.*)$")
TENANT_ROWS = {mapper.class_.__name__ for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned)}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PRODUCT, ids=named)
def test_a_file_has_at_most_400_lines_and_a_function_50(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, FUNCTIONS) and node.end_lineno and node.end_lineno - node.lineno >= 50
    ]
    assert not long


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [named(path) for path in PRODUCT if FORBIDDEN.fullmatch(path.stem) or path.stem.startswith("test_")]


def test_the_environment_is_read_in_one_place() -> None:
    readers = {named(path) for path in PRODUCT if re.search(r"\bos\.(environ|getenv)\b", path.read_text("utf-8"))}
    assert readers == {"rhesis_app/infra/config.py"}


def test_outbound_http_is_opened_behind_one_door() -> None:
    callers = {
        named(path)
        for path in PRODUCT
        if re.search(
            r"^\s*(import|from) (urllib3|requests|httpx|http\.client|urllib\.request)",
            path.read_text("utf-8"),
            re.MULTILINE,
        )
    }
    # web_server asks our own address whether we are up; remote asks the server that whoever types a command names
    assert {caller for caller in callers if not caller.startswith("rhesis_app/infra/http/")} <= {
        "rhesis_app/infra/remote.py",
        "rhesis_app/infra/web_server.py",
    }


def test_tenant_rows_are_selected_through_the_scope() -> None:
    """A bare select of a tenant row forgets the visible filter; statements that name the organization themselves are fine."""
    bare = [
        f"{named(path)}:{statement.lineno}"
        for path in PRODUCT
        if {"actions", "queries", "actions.py", "queries.py"} & set(path.relative_to(ROOT).parts)
        for statement in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(statement, ast.stmt)
        and not isinstance(statement, (*FUNCTIONS, ast.ClassDef, ast.With, ast.If, ast.Try, ast.For))
        if any(_selects_a_tenant_row(node) for node in ast.walk(statement))
        and "organization" not in ast.unparse(statement)
    ]
    assert not bare


def _selects_a_tenant_row(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not node.args:
        return False
    is_select = isinstance(node.func, ast.Name) and node.func.id in {"select", "update", "delete"}
    is_get = (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and ast.unparse(node.func).endswith("session.get")
    )
    owner = ast.unparse(node.args[0]).split(".")[0]
    return (is_select or is_get) and owner in TENANT_ROWS - {"Session"}  # sessions are the user's own


def test_importing_the_package_does_nothing_and_is_quick() -> None:
    code = "import sys, rhesis_app; print([m for m in ('flask', 'sqlalchemy', 'rq') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_text_of_the_repository_knows_one_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    stray = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/|python" + r"hosted\.|pypi" + r"\.org|npm" + r"js\.")
    found = []
    for name in listed.stdout.split("\n"):
        path = ROOT / name
        if (
            not path.is_file()
            or "vendor" in path.parts
            or path.suffix in {".woff2", ".png"}
            or name.startswith("tests/")
        ):
            continue
        if stray.search(path.read_text("utf-8", errors="ignore")):
            found.append(name)
    assert not found
