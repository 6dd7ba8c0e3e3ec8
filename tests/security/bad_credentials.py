"""Credentials that are none: made up, changed, of another time, of another kind, or in another place."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
from flask import Flask
from werkzeug.test import TestResponse

from rhesis_app.auth.rules import new_api_token
from tests.people import PASSWORD, Person, signed_in
from tests.security.bad_input import Entry, Ground
from tests.watch import SIGNING_KEY

Claims = dict[str, Any]
WHERE = "/api/v1/me"


def credentials() -> list[Entry]:
    """All of them; every one is answered 401."""
    return [*_texts(), *_signed(), *_elsewhere()]


TEXTS: dict[str, str] = {
    "nothing": "",
    "a scheme alone": "Bearer",
    "a scheme and a blank": "Bearer ",
    "another scheme": "Basic YTpi",
    "a scheme of nobody's": "Rhesis x",
    "three dots": "Bearer ...",
    "no UTF-8": "Bearer \xff\xfe",
    "100 kB": "Bearer " + "a" * 100_000,
    "a token too short": "Bearer rhx_abc",
    "a token in capitals": "Bearer RHX_" + "a" * 36,
    "SQL": "Bearer rhx_' OR '1'='1",
    "NaN": "Bearer NaN.NaN.NaN",
}


def _texts() -> Iterator[Entry]:
    for name, value in TEXTS.items():
        yield Entry("auth", name, _asking(value))
    yield Entry("auth", "a token of nobody's", _asking(f"Bearer {new_api_token()}"))
    good = new_api_token()
    bad_sum = good[:-1] + ("a" if good[-1] != "a" else "b")
    yield Entry("auth", "a token with a wrong check sum", _asking(f"Bearer {bad_sum}"))


def _token(ground: Ground) -> tuple[dict[str, Any], Claims]:
    """The header and the claims of a token that counts."""
    good = signed_in(ground.app, ground.charlie.email)._headers["Authorization"].removeprefix("Bearer ")
    assert ground.app.test_client().get(WHERE, headers={"Authorization": f"Bearer {good}"}).status_code == 200
    return jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})


CHANGES: dict[str, tuple[dict[str, Any], Claims]] = {
    "another key's id": ({"kid": "deadbeef"}, {}),
    "no key's id": ({"kid": None}, {}),
    "a key's id that is a path": ({"kid": "../../../../dev/null"}, {}),
    "a key's id that is SQL": ({"kid": "' UNION SELECT 'x"}, {}),
    "a key brought along": ({"jwk": {"kty": "oct", "k": "eA"}, "jku": "http://evil.example/"}, {"aud": "other"}),
    "another audience": ({}, {"aud": "another-app"}),
    "no audience": ({}, {"aud": None}),
    "another issuer": ({}, {"iss": "another-app"}),
    "a token to renew by": ({}, {"type": "refresh"}),
    "of yesterday": ({}, {"exp": 1_700_000_000}),
    "of tomorrow": ({}, {"nbf": 4_000_000_000}),
    "an end that is no number": ({}, {"exp": "soon"}),
    "without a session": ({}, {"sid": None}),
    "a session that is no id": ({}, {"sid": "x"}),
    "a session of nobody's": ({}, {"sid": "00000000-0000-0000-0000-000000000000"}),
    "a session that is a list": ({}, {"sid": []}),
}


def _signed() -> Iterator[Entry]:
    """Tokens signed with the key of this very instance, all of them wrong in one point."""
    for name, (header, claims) in CHANGES.items():
        yield Entry("auth", name, _changed(header, claims))
    yield Entry("auth", "alg none", _made(lambda head, claims: f"{_part(head | {'alg': 'none'})}.{_part(claims)}."))
    yield Entry("auth", "alg NONE", _made(lambda head, claims: f"{_part(head | {'alg': 'NONE'})}.{_part(claims)}."))
    yield Entry("auth", "another algorithm", _made(lambda head, claims: _sign(head, claims, algorithm="HS512")))
    yield Entry("auth", "another key", _made(lambda head, claims: _sign(head, claims, key="k" * 40)))
    yield Entry("auth", "no signature", _made(lambda head, claims: _sign(head, claims).rpartition(".")[0] + "."))
    yield Entry("auth", "a browser's session", _of_a_browser)
    yield Entry("auth", "a session that was ended", _ended)


def _elsewhere() -> Iterator[Entry]:
    """Good credentials, in places where none counts."""
    yield Entry("auth", "twice", lambda ground: _get(ground.app, _bearer(ground.charlie), _bearer(ground.charlie)))
    yield Entry("auth", "a cookie under /api", lambda ground: ground.charlie.web.open("GET", WHERE))
    yield Entry(
        "auth", "in the query", lambda ground: _get(ground.app, query=f"?access_token={_secret(ground.charlie)}")
    )
    yield Entry("auth", "as Basic", lambda ground: _get(ground.app, _basic(ground.charlie)))
    yield Entry(
        "auth", "as a proxy's", lambda ground: _with(ground.app, "Proxy-Authorization", _bearer(ground.charlie))
    )
    yield Entry("auth", "as X-Api-Key", lambda ground: _with(ground.app, "X-Api-Key", _secret(ground.charlie)))


def _asking(value: str) -> Callable[[Ground], TestResponse]:
    return lambda ground: _get(ground.app, value)


def _get(app: Flask, *authorizations: str, query: str = "") -> TestResponse:
    headers = [("Authorization", one) for one in authorizations]
    return app.test_client(use_cookies=False).get(WHERE + query, headers=headers)


def _with(app: Flask, name: str, value: str) -> TestResponse:
    return app.test_client(use_cookies=False).get(WHERE, headers={name: value})


def _bearer(person: Person) -> str:
    return person.api._headers["Authorization"]


def _secret(person: Person) -> str:
    return _bearer(person).removeprefix("Bearer ")


def _basic(person: Person) -> str:
    return "Basic " + base64.b64encode(f"{person.email}:{_secret(person)}".encode()).decode()


def _made(make: Callable[[dict[str, Any], Claims], str]) -> Callable[[Ground], TestResponse]:
    return lambda ground: _get(ground.app, f"Bearer {make(*_token(ground))}")


def _changed(header: dict[str, Any], claims: Claims) -> Callable[[Ground], TestResponse]:
    def make(given: dict[str, Any], said: Claims) -> str:
        left = {name: value for name, value in (said | claims).items() if value is not None}
        head = {name: value for name, value in (given | header).items() if value is not None}
        return _sign(head, left)

    return _made(make)


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _signature(signing: str, *, key: str = SIGNING_KEY, algorithm: str = "HS256") -> str:
    """With the right key and algorithm: nothing but the change itself is wrong."""
    chosen = jwt.get_algorithm_by_name(algorithm)
    signed = chosen.sign(signing.encode(), chosen.prepare_key(key))
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def _sign(header: dict[str, Any], claims: Claims, *, key: str = SIGNING_KEY, algorithm: str = "HS256") -> str:
    signing = f"{_part(header | {'alg': algorithm})}.{_part(claims)}"
    return f"{signing}.{_signature(signing, key=key, algorithm=algorithm)}"


def _of_a_browser(ground: Ground) -> TestResponse:
    browser = ground.app.test_client()
    browser.post("/login", data={"email": ground.charlie.email, "password": PASSWORD})
    cookie = browser.get_cookie("rhesis")
    assert cookie is not None
    return _get(ground.app, f"Bearer {cookie.value}")


def _ended(ground: Ground) -> TestResponse:
    api = signed_in(ground.app, ground.charlie.email)
    assert api.post("/auth/logout").status_code < 300
    return _get(ground.app, api._headers["Authorization"])
