"""Imports over the API: uploaded, looked at, confirmed."""

import io
import json
from typing import Any

import pytest
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from rhesis_app.authoring.models import ImportSession, Requirement, Test, TestSet, TestSetVersion
from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.background import do_jobs
from tests.people import Person

NOWHERE = "00000000-0000-7000-8000-000000000000"
TABLE = b'Question,Answer,Requirement,topic\nWhere?,There,Polite,a\n,nobody asked,Polite,b\n"Two\nlines",,,\n'
QUESTIONS = ("Is 7 a prime?", "Is 8 a prime?", "Is 11 a prime?")
CHAT = "".join(
    json.dumps(
        {"input": [{"role": "system", "content": "Answer Y or N."}, {"role": "user", "content": asked}], "ideal": ideal}
    )
    + "\n"
    for asked, ideal in zip(QUESTIONS, "YNY", strict=True)
).encode()


def upload(
    person: Person, project: ProjectView, content: bytes = TABLE, name: str = "t.csv", **more: Any
) -> TestResponse:
    form = {"project_id": str(project.id), "file": (io.BytesIO(content), name), **more}
    return person.api.post("/imports", data=form)


def test_what_is_no_form_or_says_something_twice_is_refused(alice: Person, project: ProjectView) -> None:
    as_json = alice.api.post("/imports", {"project_id": str(project.id)})
    assert (as_json.status_code, as_json.json["detail"]) == (415, "Send the body as multipart/form-data.")
    two_files = upload(alice, project, file=[(io.BytesIO(TABLE), "a.csv"), (io.BytesIO(TABLE), "b.csv")])
    assert (two_files.status_code, two_files.json["errors"]) == (422, {"file": ["Give this once."]})
    two_names = upload(alice, project, test_set_name=["one", "two"])
    assert (two_names.status_code, list(two_names.json["errors"])) == (422, ["test_set_name"])
    assert alice.count(ImportSession) == 0


def nothing_written(person: Person) -> bool:
    return not any(person.count(row_class) for row_class in (Test, TestSet, TestSetVersion, Requirement))


def test_a_file_is_looked_at_before_anything_is_written(alice: Person, project: ProjectView) -> None:
    answer = upload(alice, project)
    assert answer.status_code == 201
    seen = answer.json
    assert (seen["rows"], seen["ready"], seen["test_set_name"]) == (3, 2, "t")
    assert seen["problems"] == [
        {"row": 3, "field": "prompt", "message": "The prompt is empty. Give the text that is sent to the endpoint."}
    ]
    assert [(test["row"], test["prompt"], test["expected"]) for test in seen["preview"]] == [
        (2, "Where?", "There"),
        (4, "Two\nlines", None),
    ]
    assert seen["columns"] == ["Question", "Answer", "Requirement", "topic"]
    assert seen["mapping"] == {
        "Question": "prompt",
        "Answer": "expected",
        "Requirement": "requirement",
        "topic": "metadata.topic",
    }
    assert nothing_written(alice)
    assert alice.api.get(answer.headers["Location"]).json == seen


def test_confirming_makes_the_set_once(alice: Person, project: ProjectView) -> None:
    path = f"/imports/{upload(alice, project, test_set_name='Mine').json['id']}"
    first, second = alice.api.post(f"{path}/confirm"), alice.api.post(f"{path}/confirm")
    assert first.status_code == second.status_code == 201
    assert first.json == second.json
    assert (first.json["version"], first.json["test_count"]) == (1, 2)
    made = alice.api.get(f"/test-sets/{first.json['test_set_id']}").json
    assert (made["name"], made["test_count"], made["version"]) == ("Mine", 2, 1)
    assert alice.count(Test) == 2
    tests = alice.api.get(f"/tests?test_set_id={made['id']}").json
    assert [(test["prompt"], test["requirement"], test["metadata"]) for test in tests] == [
        ("Where?", "Polite", {"topic": "a"}),
        ("Two\nlines", None, {}),
    ]


def test_a_confirmed_import_still_says_what_was_left_out(alice: Person, project: ProjectView) -> None:
    seen = upload(alice, project).json
    alice.api.post(f"/imports/{seen['id']}/confirm")
    after = alice.api.get(f"/imports/{seen['id']}").json
    assert (after["rows"], after["ready"], after["problems"]) == (3, 2, seen["problems"])
    assert after["confirmed_at"]
    assert alice.api.patch(f"/imports/{seen['id']}", {"test_set_name": "x"}).status_code == 409


def test_chat_samples_become_prompts_with_earlier_messages(alice: Person, project: ProjectView) -> None:
    seen = upload(alice, project, CHAT, "samples.jsonl").json
    assert (seen["rows"], seen["ready"], seen["problems"]) == (3, 3, [])
    made = alice.api.post(f"/imports/{seen['id']}/confirm").json
    tests = alice.api.get(f"/tests?test_set_id={made['test_set_id']}").json
    assert tuple(test["prompt"] for test in tests) == QUESTIONS
    assert [test["expected"] for test in tests] == ["Y", "N", "Y"]
    assert tests[0]["messages"] == [{"role": "system", "content": "Answer Y or N."}]


def test_a_mapping_overrides_what_columns_mean(alice: Person, project: ProjectView) -> None:
    chosen = json.dumps({"Answer": "prompt", "Question": "metadata.asked", "topic": "ignore"})
    seen = upload(alice, project, mapping=chosen).json
    assert seen["preview"][0]["prompt"] == "There"
    assert seen["preview"][0]["metadata"] == {"asked": "Where?"}
    changed = alice.api.patch(f"/imports/{seen['id']}", {"mapping": {"Question": "prompt"}, "test_set_name": "Other"})
    assert (changed.json["preview"][0]["prompt"], changed.json["test_set_name"]) == ("Where?", "Other")


def test_a_file_without_a_prompt_column_can_be_mapped(alice: Person, project: ProjectView) -> None:
    seen = upload(alice, project, b"foo,bar\n1,2\n").json
    assert (seen["ready"], seen["problems"][0]["row"], seen["problems"][0]["field"]) == (0, 1, "prompt")
    path = f"/imports/{seen['id']}"
    assert alice.api.post(f"{path}/confirm").status_code == 422
    assert nothing_written(alice)
    assert alice.api.patch(path, {"mapping": {"foo": "prompt"}}).json["ready"] == 1
    assert alice.api.post(f"{path}/confirm").json["test_count"] == 1


def test_a_line_of_bad_json_is_told_by_its_number(alice: Person, project: ProjectView) -> None:
    lines = [b'{"prompt": "x"}'] * 6 + [b'{"prompt": '] + [b'{"prompt": "\\ud800"}', b'{"prompt": "y"}']
    seen = upload(alice, project, b"\n".join(lines), "t.jsonl").json
    assert [(found["row"], found["field"]) for found in seen["problems"]] == [(7, ""), (8, "prompt")]
    assert seen["ready"] == 7


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "t.csv"),
        (b"prompt,expected\n", "t.csv"),
        (bytes(range(256)) * 40, "t.csv"),
        (b"PK\x03\x04" + b"\0" * 50, "t.xlsx"),
        ("prompt\nfür\n".encode("utf-16"), "t.csv"),
        ("prompt\nfür\n".encode("latin-1"), "t.csv"),
        (b"prompt\n" + b"x\n" * 10_001, "t.csv"),
        (b"[1, 2", "t.json"),
    ],
)
def test_files_that_cannot_be_read_are_refused_at_the_file(
    alice: Person, project: ProjectView, content: bytes, name: str
) -> None:
    answer = upload(alice, project, content, name)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["file"]
    assert alice.count(ImportSession) == 0


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"mapping": "{"}, "mapping"),
        ({"mapping": '["x"]'}, "mapping"),
        ({"mapping": '{"nope": "prompt"}'}, "mapping"),
        ({"mapping": '{"topic": "nope"}'}, "mapping"),
        ({"format": "nope"}, "format"),
        ({"project_id": "x"}, "project_id"),
        ({"test_set_name": "x" * 121}, "test_set_name"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_bad_fields_are_named(alice: Person, project: ProjectView, more: dict[str, str], field: str) -> None:
    answer = upload(alice, project, **more)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert alice.count(ImportSession) == 0


def test_without_a_file_the_field_is_named(alice: Person, project: ProjectView) -> None:
    answer = alice.api.post("/imports", data={"project_id": str(project.id)})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["file"]


def test_a_taken_name_comes_with_a_suggestion(alice: Person, project: ProjectView) -> None:
    alice.api.post("/test-sets", {"project_id": str(project.id), "name": "t"})
    assert upload(alice, project).json["test_set_name"] == "t 2"
    answer = upload(alice, project, test_set_name="t")
    assert answer.status_code == 409
    assert "“t 2”" in answer.json["errors"]["test_set_name"][0]


def test_a_name_taken_meanwhile_writes_nothing(alice: Person, project: ProjectView) -> None:
    path = f"/imports/{upload(alice, project).json['id']}"
    alice.api.post("/test-sets", {"project_id": str(project.id), "name": "t"})
    answer = alice.api.post(f"{path}/confirm")
    assert answer.status_code == 409
    assert list(answer.json["errors"]) == ["test_set_name"]
    assert alice.count(Test) == 0
    alice.api.patch(path, {"test_set_name": "free"})
    assert alice.api.post(f"{path}/confirm").status_code == 201


def test_an_upload_is_kept_for_a_day(alice: Person, project: ProjectView, superuser: Engine) -> None:
    path = f"/imports/{upload(alice, project).json['id']}"
    with superuser.connect() as connection:
        connection.execute(text("UPDATE import_session SET expires_at = now() - interval '1 second'"))
    assert alice.api.get(path).status_code == 404
    assert alice.api.post(f"{path}/confirm").status_code == 404
    assert nothing_written(alice)


def test_folders_of_the_file_name_are_dropped(alice: Person, project: ProjectView) -> None:
    seen = upload(alice, project, name="../ada/born \u202efirst.csv").json
    assert (seen["file_name"], seen["test_set_name"]) == ("born first.csv", "born first")


def test_an_exported_set_comes_back_the_same(alice: Person, project: ProjectView) -> None:
    tests = [
        {"prompt": "=1+1", "expected": "'=2", "requirement": "Counts", "metadata": {"a": [1, None, "x"], "b": 2.5}},
        {
            "prompt": 'two\r\nlines, "quoted"',
            "messages": [{"role": "system", "content": "-x"}],
            "context": ["[1]", "@"],
        },
        {"prompt": " ＝ full width\u2028"},
    ]
    original = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Mine", "tests": tests}).json
    fields = ("prompt", "expected", "requirement", "messages", "context", "metadata")
    wanted = [
        {name: test[name] for name in fields} for test in alice.api.get(f"/tests?test_set_id={original['id']}").json
    ]
    for file_format in ("csv", "jsonl"):
        written = alice.api.get(f"/test-sets/{original['id']}/export?format={file_format}").data
        seen = upload(alice, project, written, f"back.{file_format}").json
        assert seen["problems"] == []
        made = alice.api.post(f"/imports/{seen['id']}/confirm").json
        found = alice.api.get(f"/tests?test_set_id={made['test_set_id']}").json
        assert [{name: test[name] for name in fields} for test in found] == wanted


def test_strangers_get_404(alice: Person, charlie: Person, project: ProjectView) -> None:
    path = f"/imports/{upload(alice, project).json['id']}"
    assert charlie.api.get(path).status_code == 404
    assert charlie.api.patch(path, {"test_set_name": "x"}).status_code == 404
    assert charlie.api.post(f"{path}/confirm").status_code == 404
    assert upload(charlie, project).status_code == 404
    assert alice.api.get(f"/imports/{NOWHERE}").status_code == 404


def test_readers_import_nothing(alice: Person, bob: Person, project: ProjectView) -> None:
    path = f"/imports/{upload(alice, project).json['id']}"
    assert upload(bob, project).status_code == 403
    assert bob.api.get(path).status_code == 403
    assert bob.api.patch(path, {"test_set_name": "x"}).status_code == 403
    assert bob.api.post(f"{path}/confirm").status_code == 403


def test_every_step_is_in_the_audit_log(alice: Person, project: ProjectView) -> None:
    path = f"/imports/{upload(alice, project).json['id']}"
    alice.api.patch(path, {"test_set_name": "x"})
    alice.api.post(f"{path}/confirm")
    alice.api.post(f"{path}/confirm")
    for action in ("start", "update", "confirm"):
        assert alice.count(AuditEntry, action=f"import.{action}") == 1


def test_a_worker_confirms_what_is_large(alice: Person, bob: Person, project: ProjectView) -> None:
    view = upload(alice, project).json
    path = f"/imports/{view['id']}/job"
    assert bob.api.post(path).status_code == 403
    answer = alice.api.post(path)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json['id']}"
    assert (answer.json["title"], answer.json["subject_id"]) == ("Import", view["id"])
    assert alice.api.post(path).json["id"] == answer.json["id"]
    assert alice.api.patch(f"/imports/{view['id']}", {"test_set_name": "Other"}).status_code == 409
    do_jobs(alice)
    assert alice.api.get(f"/jobs/{answer.json['id']}?wait=5").json["status"] == "done"
    assert alice.api.get(f"/imports/{view['id']}").json["test_set_id"]
    assert alice.api.post(path).status_code == 409
