"""The one URL parser: what it refuses, and that it sees what will be connected to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.kernel.urls import UrlProblem, origin_of, parse_url


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://X.Example", "https://x.example:443", "/"),
        ("http://localhost:9000/chat?q=a b".replace(" ", "%20"), "http://localhost:9000", "/chat?q=a%20b"),
        ("https://x.example./a#part", "https://x.example:443", "/a"),
        ("https://größe.example/ü?ö", "https://xn--grsse-lva.example:443", "/%C3%BC?%C3%B6"),
        ("http://[::1]:8000/", "http://[::1]:8000", "/"),
        ("http://my_service:8000/v1", "http://my_service:8000", "/v1"),
        ("http://127。0。0。1/", "http://127.0.0.1:80", "/"),
    ],
)
def test_a_url_is_read(url, origin, target):
    if "ß" in url:
        with pytest.raises(UrlProblem, match="two ways"):
            parse_url(url)
        return
    assert (origin_of(url), parse_url(url).target) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        "", "x.example", "//x.example", "ftp://x.example", "file:///etc/passwd", "gopher://x.example",
        "javascript:alert(1)",
        "http://", "http:///path", "http://user@x.example", "http://user:pass@x.example", "http://@x.example",
        "http://x.example\\@evil.example", "http://x.example\\.evil.example", "http://x.example/a b",
        "http://x.exa\tmple",
        "http://x.example/\r\nHost: evil", "http://x.example\x00.evil.example", "http://x.example:0",
        "http://x.example:99999",
        "http://x.example:80:90", "http://x.example:８０", "http://2130706433", "http://0x7f000001", "http://0x7f.1",
        "http://0177.0.0.1", "http://127.1", "http://127.0.1", "http://1.2.3.4.5", "http://256.1.1.1",
        "http://1.2.3.08",
        "http://[::1]evil.example", "http://[fe80::1%25eth0]", "http://[fe80::1%eth0]", "http://[127.0.0.1]",
        "http://[::1",
        "http://x..example", "http://-x.example", "http://x.example%2eevil", "http://" + "a" * 64 + ".example",
        "http://" + "a." * 130 + "example", "https://faß.example", "http://evil.c℀.example",
        "https://x.example/" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(url):
    with pytest.raises(UrlProblem):
        parse_url(url)


@given(st.text())
def test_no_text_breaks_the_parser(text):
    for url in (text, f"http://{text}", f"https://x.example/{text}"):
        try:
            parsed = parse_url(url)
        except UrlProblem:
            continue
        assert parsed.host.isascii()
        assert parsed.target.isascii()
        assert parse_url(f"{parsed.origin}{parsed.target}") == parsed
