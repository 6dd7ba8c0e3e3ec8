"""From a curl to an endpoint: where the prompt goes, where secrets go, where the reply is."""

import pytest

from rhesis_app.endpoints.rules import (
    PRESETS,
    CurlProblem,
    compile_mapping,
    compile_template,
    endpoint_from_curl,
    parse_curl,
    suggest_mapping,
)


def suggest(command):
    return endpoint_from_curl(parse_curl(command))


@pytest.mark.parametrize(
    ("body", "template"),
    [
        ('{"message": "hi"}', {"message": "{{ input }}"}),
        ('{"model": "m", "prompt": "hi"}', {"model": "m", "prompt": "{{ input }}"}),
        ('{"user": {"text": "x"}, "query": "hi"}', {"user": {"text": "x"}, "query": "{{ input }}"}),
        ('{"id": "7", "say": "a much longer sentence"}', {"id": "7", "say": "{{ input }}"}),
        ('{"messages": [{"role": "user", "content": "hi"}]}', {"messages": "{{ messages }}"}),
        (
            '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}',
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "{{ input }}"}]},
        ),
        ('{"n": 3}', {"message": "{{ input }}"}),
        ('"hi"', "{{ input }}"),
    ],
)
def test_the_message_becomes_a_placeholder(body, template):
    suggested = suggest(f"curl x.example -H 'Content-Type: application/json' -d '{body}'")
    assert suggested.request_template == template
    compile_template(suggested.request_template)


def test_it_says_which_field_was_chosen():
    assert "“data.query”" in suggest("""curl x.example -d '{"data": {"query": "hi"}}'""").chosen


def test_a_query_becomes_the_template_of_a_get():
    suggested = suggest("curl 'https://x.example/ask?q=hello&lang=en'")
    assert (suggested.url, suggested.request_template) == ("https://x.example/ask", {"q": "{{ input }}", "lang": "en"})


def test_a_form_becomes_a_template():
    suggested = suggest("curl x.example -d 'message=hi&lang=en'")
    assert suggested.request_template == {"message": "{{ input }}", "lang": "en"}
    assert "form" in suggested.headers["Content-Type"]


@pytest.mark.parametrize(
    ("flags", "kind", "header", "secret"),
    [
        ("", "none", None, None),
        ("-H 'Authorization: Bearer abc'", "bearer", None, "abc"),
        ("-H 'authorization: Basic dTpw'", "basic", None, "u:p"),
        ("-u user:pass", "basic", None, "user:pass"),
        ("-u user", "basic", None, "user:"),
        ("-H 'X-Api-Key: k-1-z'", "header", "X-Api-Key", "k-1-z"),
        ("-H 'Authorization: Token t'", "header", "Authorization", "Token t"),
        ("-b 'sid=1' -H 'api-key: k-1-z'", "header", "api-key", "k-1-z"),
    ],
)
def test_secrets_become_authentication(flags, kind, header, secret):
    suggested = suggest(f"curl x.example {flags} -H 'X-Tenant: t' -d '{{}}'")
    assert (suggested.auth.kind, suggested.auth.header, suggested.auth.secret) == (kind, header, secret)
    assert suggested.headers["X-Tenant"] == "t"
    assert set(suggested.headers) == {"X-Tenant", "Content-Type"}
    assert secret is None or secret not in repr(suggested)


def test_a_second_secret_is_left_out_and_said():
    suggested = suggest("curl x.example -H 'Authorization: Bearer a' -H 'X-Api-Key: k' -d '{}'")
    assert suggested.auth.kind == "bearer"
    assert "X-Api-Key" in suggested.warnings[0]


def test_streaming_is_switched_off():
    suggested = suggest("""curl x.example -d '{"stream": true, "prompt": "hi"}'""")
    assert suggested.request_template["stream"] is False
    assert "stream" in suggested.warnings[0]


def test_a_body_that_is_neither_json_nor_form_is_refused():
    with pytest.raises(CurlProblem, match="JSON"):
        suggest("curl x.example -H 'Content-Type: application/json' -d '{oops'")


@pytest.mark.parametrize(
    ("answer", "mapping"),
    [
        ({"reply": "hi"}, {"output": "$.reply"}),
        ({"id": "a-long-identifier-of-no-use", "data": {"answer": "hi"}}, {"output": "$.data.answer"}),
        ({"my reply": "hi there"}, {"output": "$['my reply']"}),
        ([{"x": "short"}, {"x": "much longer text"}], {"output": "$[1].x"}),
        ("just text", {"output": "$"}),
        (
            {
                "id": "c1",
                "choices": [{"message": {"role": "assistant", "content": "hi"}}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1},
            },
            {
                "output": "$.choices[0].message.content",
                "tokens_in": "$.usage.prompt_tokens",
                "tokens_out": "$.usage.completion_tokens",
            },
        ),
        (
            {"content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 3, "output_tokens": 1}},
            {"output": "$.content[0].text", "tokens_in": "$.usage.input_tokens", "tokens_out": "$.usage.output_tokens"},
        ),
        ({"n": 1}, {}),
        ([], {}),
        ({"x" * 300: "out of reach"}, {}),
    ],
)
def test_the_reply_is_found(answer, mapping):
    assert suggest_mapping(answer) == mapping


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_presets_can_be_saved_as_they_are(preset):
    compile_template(preset.request_template)
    compile_mapping(preset.response_mapping)
