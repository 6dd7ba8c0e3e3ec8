"""A browser in a few words."""

import pytest

from rhesis_app.auth.rules import device_of

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36 Edg/149.0.0.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
FIREFOX = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15.5; rv:142.0) Gecko/20100101 Firefox/142.0"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (CHROME, "Chrome on Linux"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on an iPhone"),
        (FIREFOX, "Firefox on macOS"),
        (ANDROID, "Chrome on Android"),
        ("curl/8.14.1", "curl"),
        ("python-requests/2.33", "python-requests"),
        ("Firefox/142.0", "Firefox"),
        ("x" * 500, "x" * 40),
        ("", "something unknown"),
        (None, "something unknown"),
    ],
)
def test_what_signed_in_is_named_as_people_know_it(said: str | None, words: str) -> None:
    assert device_of(said) == words
