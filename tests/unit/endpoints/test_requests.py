"""What goes over the wire for a method and a content type."""

import pytest

from rhesis_app.endpoints.rules import TemplateError, encode_request

URL = "https://x.example/ask?v=1"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_post_sends_json_in_utf_8():
    assert encode_request("POST", URL, {}, {"m": "größe €"}) == (URL, '{"m":"größe €"}'.encode())


def test_a_get_puts_the_value_into_the_query():
    assert encode_request("GET", URL, {}, {"q": "a&b=ü", "n": 2, "none": None}) == (f"{URL}&q=a%26b%3D%C3%BC&n=2", None)


def test_a_form_is_encoded_as_a_form():
    assert encode_request("POST", URL, FORM, {"m": "a b&c"})[1] == b"m=a+b%26c"


def test_a_text_is_sent_as_it_is():
    assert encode_request("POST", URL, {"Content-Type": "text/plain"}, "größe")[1] == "größe".encode()


@pytest.mark.parametrize(
    ("method", "headers", "value"), [("GET", {}, ["x"]), ("POST", FORM, "x"), ("POST", {}, "\ud800")]
)
def test_what_does_not_fit_is_a_template_error(method, headers, value):
    with pytest.raises(TemplateError):
        encode_request(method, URL, headers, value)
