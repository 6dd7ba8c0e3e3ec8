"""JSON that other readers would take for something else is refused, each with a sentence that says what it is."""

from typing import Any

import pytest

from rhesis_app.kernel.errors import BadRequest
from rhesis_app.web.json_body import read_json


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not valid JSON at line 1, column 1"),
        (b"{'a': 1}", "not valid JSON at line 1, column 2"),
        (b"\xff", "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
        (b"NaN", "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": [1e999]}', "a number that is too large"),
        (b"9" * 6000, "a number that is too long"),
        (b"18446744073709551616", "past 64 bits"),
        (b'{"a": {"b": 1, "b": 2}}', "“b” stands twice"),
        (b'["\\u0000"]', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'["\\ud800"]', "half of a surrogate pair"),
        (b"[" * 61 + b"1" + b"]" * 61, "deeper than 60 levels"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_odd_json_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_json(raw)
    assert said in refused.value.detail


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, -2.5, 1e308, true, null, "\xc3\xa9"]}', {"a": [1, -2.5, 1e308, True, None, "é"]}),
        (b"-9223372036854775808", -(2**63)),
        (b"[" * 60 + b"1" + b"]" * 60, None),
    ],
)
def test_plain_json_is_read(raw: bytes, value: Any) -> None:
    assert value is None or read_json(raw) == value
    read_json(raw)
