"""Reading pasted curl commands."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.rules import CurlProblem, parse_curl

JSON = ("Content-Type", "application/json")


def test_a_plain_command():
    curl = parse_curl(
        "curl -X POST http://localhost:9000/chat -H 'Content-Type: application/json' -d '{\"message\": \"hi\"}'"
    )
    assert (curl.method, curl.url, curl.body, curl.headers) == (
        "POST",
        "http://localhost:9000/chat",
        '{"message": "hi"}',
        (JSON,),
    )


def test_lines_joined_by_backslashes():
    curl = parse_curl(
        '$ curl https://x.example \\\n  --header "X-A: 1" \\\r\n  --data-raw "{\\"message\\": \\"a b\\"}"\n'
    )
    assert (curl.header("x-a"), curl.body) == ("1", '{"message": "a b"}')


def test_the_windows_form():
    curl = parse_curl(
        'curl.exe ^"https://x.example/a^" ^\n -H ^"X-A: 1^" ^\r\n --data-raw ^"{^\\^"message^\\^":^\\^"hi^\\^"}^"'
    )
    assert (curl.url, curl.header("X-A"), curl.body) == ("https://x.example/a", "1", '{"message":"hi"}')


def test_the_browsers_shell_quotes():
    curl = parse_curl("curl 'https://x.example' --data-raw $'{\"message\":\"it\\'s \\u00fc\\n\\ud83d\\ude00\"}'")
    assert curl.body == '{"message":"it\'s ü\n😀"}'


@pytest.mark.parametrize(
    ("command", "method"),
    [
        ("curl x.example", "GET"),
        ("curl x.example -d a=b", "POST"),
        ("curl -XPUT x.example -d '{}'", "PUT"),
        ("curl --request=patch x.example", "PATCH"),
        ("curl -sSLX DELETE x.example", "DELETE"),
        ("curl -G x.example -d q=hi", "GET"),
        ("/usr/bin/curl --url x.example --json '{}'", "POST"),
    ],
)
def test_the_method_is_found(command, method):
    curl = parse_curl(command)
    assert (curl.method, curl.url.partition("?")[0]) == (method, "http://x.example")


def test_data_becomes_a_query_with_get():
    assert (
        parse_curl("curl -G https://x.example/a?v=1 -d q=hi --data-urlencode 'm=a b'").url
        == "https://x.example/a?v=1&q=hi&m=a+b"
    )


def test_several_data_are_joined_as_curl_joins_them():
    curl = parse_curl("curl x.example -d a=1 -d b=2")
    assert (curl.body, curl.header("content-type")) == ("a=1&b=2", "application/x-www-form-urlencoded")


def test_json_without_a_content_type_is_taken_for_json():
    assert parse_curl('curl x.example -d \'{"message": "hi"}\'').header("content-type") == "application/json"


def test_credentials_and_flags():
    curl = parse_curl("curl -k -u user:pass --compressed -m 30 x.example -A me -b 'sid=1' --oauth2-bearer tok")
    assert curl.auth == "user:pass"
    assert (curl.header("user-agent"), curl.header("cookie"), curl.header("authorization")) == (
        "me",
        "sid=1",
        "Bearer tok",
    )
    assert "certificates" in curl.warnings[0]


def test_a_shell_variable_is_pointed_at():
    assert "real value" in parse_curl('curl x.example -H "Authorization: Bearer $OPENAI_API_KEY"').warnings[0]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("", "starts with curl"),
        ("wget x.example", "starts with curl"),
        ("curl", "no URL"),
        ("curl a.example b.example", "more than one URL"),
        ("curl a.example ; rm -rf /", "single"),
        ("curl a.example | jq .", "single"),
        ("curl a.example && curl b.example", "single"),
        ("curl a.example\ncurl b.example", "single"),
        ("curl a.example -d @body.json", "file"),
        ("curl a.example --json @-", "file"),
        ("curl a.example -H @headers", "file"),
        ("curl a.example --data-urlencode x@file", "file"),
        ("curl a.example -F file=@a.pdf", "Multipart"),
        ("curl a.example -T a.pdf", "Uploads"),
        ("curl a.example -K rc", "configuration file"),
        ("curl -I a.example", "headers only"),
        ("curl a.example --unheard-of 3", "--unheard-of"),
        ("curl a.example -d 'open", "never closed"),
        ("curl a.example -H", "needs a value"),
        ("curl " + "x" * 200_000, "longer"),
    ],
)
def test_what_cannot_be_taken_over_says_why(command, word):
    with pytest.raises(CurlProblem, match=word):
        parse_curl(command)


def test_raw_data_may_start_with_an_at():
    assert parse_curl("curl a.example --data-raw '@home'").body == "@home"


@given(st.text())
def test_no_text_breaks_the_reader(text):
    with suppress(CurlProblem):
        assert "://" in parse_curl(f"curl {text}").url
