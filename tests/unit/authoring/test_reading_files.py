"""Uploaded bytes into rows: what is read, what is told by its row, what is refused whole."""

import json

import pytest

from rhesis_app.authoring.rules.import_files import ReadFile, decode, read_csv, read_json
from rhesis_app.kernel.errors import Invalid


def cells(read: ReadFile) -> list[dict[str, object]]:
    return [dict(row.cells) for row in read.rows]


def told(read: ReadFile) -> list[tuple[int, str]]:
    return [(problem.row, problem.field) for problem in read.problems]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = delimiter.join(["Question", "Answer", "note"]) + "\n" + delimiter.join(["why", "because", "x"]) + "\n"
    assert cells(read_csv(text)) == [{"Question": "why", "Answer": "because", "note": "x"}]


def test_a_known_name_decides_between_delimiters() -> None:
    assert read_csv("prompt;expected, or nearly, so\na;b\n").columns == ("prompt", "expected, or nearly, so")


def test_quoted_cells_keep_line_ends_quotes_and_delimiters() -> None:
    read = read_csv('prompt,expected\r\n"one\r\ntwo","say ""yes"", please"\r\n')
    assert cells(read) == [{"prompt": "one\r\ntwo", "expected": 'say "yes", please'}]


def test_rows_are_numbered_as_a_spreadsheet_does() -> None:
    read = read_csv('prompt\n"two\nlines"\n\nfourth\n')
    assert [row.row for row in read.rows] == [2, 4]


def test_a_mark_at_the_beginning_is_no_part_of_the_first_name() -> None:
    assert read_csv(decode(b"\xef\xbb\xbfprompt,expected\na,b\n")).columns == ("prompt", "expected")


def test_names_that_are_missing_or_stand_twice_become_distinct() -> None:
    assert read_csv("prompt,,note,note\na,b,c,d\n").columns == ("prompt", "column 2", "note", "note (2)")


def test_a_row_with_too_many_cells_is_told() -> None:
    read = read_csv("prompt,expected\na,b,c\nd,e\n")
    assert (told(read), len(read.rows)) == ([(2, "")], 1)


def test_quotes_that_do_not_match_are_told_and_reading_goes_on() -> None:
    read = read_csv('prompt,expected\n"bro"ken,x\nfine,y\n"open,z\n')
    assert told(read) == [(2, ""), (4, "")]
    assert cells(read) == [{"prompt": "fine", "expected": "y"}]
    assert "line 4" in read.problems[1].message


def test_nul_in_a_cell_is_told_by_row_and_column() -> None:
    assert told(read_csv("prompt,expected\na\0b,c\nok,ok\n")) == [(2, "prompt")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"%PDF-1.7", "PDF"),
        (b"\xff\xfep\x00r\x00", "UTF-16"),
        (bytes(range(8)) * 100, "binary"),
        ("prompt\nf\xfcr\n".encode("latin-1"), "line 2"),
    ],
)
def test_what_is_no_text_is_refused_with_a_way_on(content: bytes, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(content)
    assert words in caught.value.errors["file"][0]


def test_a_header_without_rows_is_refused() -> None:
    with pytest.raises(Invalid, match="no rows"):
        read_csv("prompt,expected\n\n")


@pytest.mark.parametrize("text", ["prompt\n" + "x\n" * 10_001, '{"prompt":"x"}\n' * 10_001])
def test_more_than_ten_thousand_rows_are_refused(text: str) -> None:
    reader = read_json if text.startswith("{") else read_csv
    with pytest.raises(Invalid, match="10,000"):
        reader(text)


def test_bad_json_is_told_by_its_line() -> None:
    lines = [json.dumps({"prompt": str(number)}) for number in range(1, 9)]
    lines[6] = '{"prompt": "seven'
    read = read_json("\n".join(lines))
    assert (told(read), len(read.rows)) == ([(7, "")], 7)
    assert "column" in read.problems[0].message


@pytest.mark.parametrize(
    "line",
    [
        '["a list"]',
        '"a text"',
        "7",
        '{"prompt": "a", "prompt": "b"}',
        '{"prompt": NaN}',
        '{"prompt": 1e999}',
        '{"prompt": "\\ud800"}',
        '{"prompt": "\\u0000"}',
        '{"\\udfff": "x"}',
        '{"prompt": ' + "[" * 300 + "]" * 300 + "}",
        '{"prompt": ' + "[" * 100_000,
        '{"prompt": ' + "9" * 5_000 + "}",
    ],
    ids=lambda line: line[:30],
)
def test_lines_that_cannot_be_kept_are_told(line: str) -> None:
    read = read_json(f'{{"prompt": "fine"}}\n{line}\n')
    assert [row for row, _ in told(read)] == [2]
    assert len(read.rows) == 1


def test_a_line_separator_inside_a_text_ends_no_line() -> None:
    assert cells(read_json('{"prompt": "one\u2028two"}\n')) == [{"prompt": "one\u2028two"}]


def test_a_json_array_is_read_by_its_elements() -> None:
    read = read_json('[{"prompt": "a"}, {"prompt": "b", "n": 1}]')
    assert read.columns == ("prompt", "n")
    assert [row.row for row in read.rows] == [1, 2]
