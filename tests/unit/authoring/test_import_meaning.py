"""Rows of cells into tests: columns by name or mapping, chat samples, lists of answers, other tools' files."""

from collections.abc import Iterable
from typing import Any, BinaryIO

import pytest

from rhesis_app.authoring.rules.import_columns import choose_mapping, guess_mapping
from rhesis_app.authoring.rules.import_files import RawRow, RowProblem
from rhesis_app.authoring.rules.import_rows import tests_of as read_rows
from rhesis_app.authoring.rules.import_sources import extensions_of, formats_of, read_upload
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.registry import Registry
from rhesis_app.sdk import ImportedTest, ImporterSpec, ImportProblem

NOTHING = Registry()
# two chat samples of our own, in the form that evaluation sets use
CHAT = (
    b'{"input": [{"role": "system", "content": "Answer Y or N."}, {"role": "user", "content": "Is 7 a prime?"}], "ideal": "Y"}\n'
    b'{"input": [{"role": "user", "content": "Is 9?"}, {"role": "assistant", "content": "N"},'
    b' {"role": "user", "content": "Sure?"}], "ideal": ["N", "No"]}\n'
)


def one(cells: dict[str, Any], mapping: dict[str, str] | None = None) -> TestContent:
    ready, problems = read_rows([RawRow(row=1, cells=cells)], mapping or guess_mapping(list(cells)))
    assert not problems
    return ready[0].content


def problem(cells: dict[str, Any]) -> RowProblem:
    ready, problems = read_rows([RawRow(row=5, cells=cells)], guess_mapping(list(cells)))
    assert not ready
    return problems[0]


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("Prompt", "prompt"),
        ("input", "prompt"),
        ("User Message", "prompt"),
        ("ideal", "expected"),
        ("Ground-Truth", "expected"),
        ("Behavior", "requirement"),
        ("contexts", "context"),
        ("metadata.Order", "metadata.Order"),
        ("topic", "metadata.topic"),
    ],
)
def test_columns_are_recognised(column: str, field: str) -> None:
    assert guess_mapping([column]) == {column: field}


def test_the_better_name_wins_and_the_other_becomes_metadata() -> None:
    assert guess_mapping(["question", "answer", "prompt", "expected"]) == {
        "question": "metadata.question",
        "answer": "metadata.answer",
        "prompt": "prompt",
        "expected": "expected",
    }


def test_two_columns_never_share_a_place_in_the_metadata() -> None:
    assert len(set(guess_mapping(["order", "metadata.order"]).values())) == 2


def test_a_choice_overrides_the_guess() -> None:
    assert choose_mapping(["text", "prompt"], {"text": "prompt"}) == {"text": "prompt", "prompt": "metadata.prompt"}


@pytest.mark.parametrize(
    "chosen", [{"nope": "prompt"}, {"a": "nope"}, {"a": "metadata."}, {"a": "prompt", "b": "prompt"}]
)
def test_a_choice_that_cannot_be_meant_is_refused(chosen: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        choose_mapping(["a", "b"], chosen)
    assert list(caught.value.errors) == ["mapping"]


def test_without_a_prompt_column_that_is_the_only_problem() -> None:
    rows = [RawRow(row=number, cells={"foo": "x"}) for number in range(2, 9)]
    ready, problems = read_rows(rows, guess_mapping(["foo"]))
    assert (ready, [(found.row, found.field) for found in problems]) == ([], [(1, "prompt")])
    assert "“foo”" in problems[0].message


def test_a_chat_sample_is_its_last_message_and_the_turns_before() -> None:
    read = read_upload(NOTHING, "samples.jsonl", CHAT)
    ready, problems = read_rows(read.rows, guess_mapping(read.columns))
    assert not problems
    first, second = (test.content for test in ready)
    assert (first.prompt, first.expected) == ("Is 7 a prime?", "Y")
    assert first.messages == ({"role": "system", "content": "Answer Y or N."},)
    assert second.prompt == "Sure?"
    assert [message["role"] for message in second.messages] == ["user", "assistant"]


def test_several_acceptable_answers_stand_one_a_line() -> None:
    assert one({"input": "x", "ideal": ["N", "No", 0]}).expected == "N\nNo\n0"


def test_text_parts_of_a_message_are_joined() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert one({"input": [{"role": "user", "content": parts}]}).prompt == "one\ntwo"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
        [{"role": "robot", "content": "x"}, {"role": "user", "content": "q"}],
        [{"role": "assistant", "content": "x", "tool_calls": []}, {"role": "user", "content": "q"}],
        ["q"],
    ],
)
def test_conversations_that_cannot_be_sent_are_told(messages: list[Any]) -> None:
    assert problem({"input": messages}).row == 5


@pytest.mark.parametrize("prompt", ["", "  \n", None, {"text": "x"}, "x" * 100_001])
def test_a_row_without_a_usable_prompt_is_told_at_the_prompt(prompt: Any) -> None:
    assert problem({"prompt": prompt, "expected": "y"}).field == "prompt"


def test_numbers_and_truths_become_texts_where_texts_are_wanted() -> None:
    read = one({"prompt": 7, "expected": True, "year": 1984})
    assert (read.prompt, read.expected, read.metadata) == ("7", "true", {"year": 1984})


def test_context_is_a_list_or_one_passage() -> None:
    assert one({"prompt": "x", "context": '["a", "b"]'}).context == ("a", "b")
    assert one({"prompt": "x", "context": ["a", 1]}).context == ("a", "1")
    assert one({"prompt": "x", "context": "[1] Opening hours"}).context == ("[1] Opening hours",)


def test_a_metadata_object_is_merged_with_columns_of_its_own() -> None:
    cells = {"prompt": "x", "metadata": '{"a": 1, "b": 2}', "metadata.b": "mine", "topic": "t"}
    assert one(cells).metadata == {"a": 1, "b": "mine", "topic": "t"}


def test_metadata_that_is_no_object_is_told() -> None:
    assert problem({"prompt": "x", "metadata": "[1]"}).field == "metadata"
    assert problem({"prompt": "x", "messages": "hello"}).field == "messages"


def test_a_left_out_column_leaves_no_trace() -> None:
    assert one({"prompt": "x", "secret": "s"}, {"prompt": "prompt", "secret": "ignore"}).metadata == {}


def read_dialogues(file: BinaryIO) -> Iterable[ImportedTest | ImportProblem]:
    for number, line in enumerate(file.read().decode().splitlines(), 1):
        if line.startswith("!"):
            raise RuntimeError("secret of the plugin")
        if line.startswith("?"):
            yield ImportedTest(row=number, prompt=line[1:], metadata={"line": number})
        else:
            yield ImportProblem(row=number, message="Begin a question with ?.", field="prompt")


DIALOGUES = ImporterSpec(key="talk.dialogues", title="Dialogues", extensions=(".talk",), read=read_dialogues)
WITH_PLUGIN = Registry(importers={"talk.dialogues": DIALOGUES})


@pytest.mark.parametrize(("name", "chosen"), [("a.TALK", "auto"), ("a.txt", "talk.dialogues")])
def test_a_plugins_importer_is_found_by_extension_or_by_key(name: str, chosen: str) -> None:
    read = read_upload(WITH_PLUGIN, name, b"?why\nnot\n", chosen)
    ready, _ = read_rows(read.rows, guess_mapping(read.columns))
    assert [(test.content.prompt, test.content.metadata) for test in ready] == [("why", {"line": 1})]
    assert [(found.row, found.field) for found in read.problems] == [(2, "prompt")]


def test_a_plugin_that_raises_is_named_and_its_words_stay_inside() -> None:
    with pytest.raises(Invalid) as caught:
        read_upload(WITH_PLUGIN, "a.talk", b"!")
    assert "Dialogues" in caught.value.detail
    assert "secret" not in caught.value.detail


def test_plugins_stand_among_the_formats() -> None:
    assert ("talk.dialogues", "Dialogues") in formats_of(WITH_PLUGIN)
    assert ".talk" in extensions_of(WITH_PLUGIN)


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(Invalid, match="jsonl"):
        read_upload(NOTHING, "a.csv", b"prompt\nx\n", "excel")


@pytest.mark.parametrize("name", ["noextension", "a.txt", "a.jsonl"])
def test_json_is_recognised_by_its_first_letter_where_the_name_says_nothing(name: str) -> None:
    assert read_upload(NOTHING, name, b'{"prompt": "x"}').columns == ("prompt",)
