"""What a public scanner of headers would give a page: the published rules of the HTTP Observatory, for a page over https.

The table of modifiers and the conditions are those of its grader, version 1.5; a bonus counts where nothing much was lost.
CORS, redirections and certificates are not looked at: the application answers neither plain HTTP nor other origins.
"""

import re
from collections.abc import Iterable
from html.parser import HTMLParser

from werkzeug.test import TestResponse

ENOUGH_FOR_A_BONUS = 90
SIX_MONTHS_S = 15_768_000
BROAD = frozenset({"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"})
INLINE = frozenset({"'unsafe-inline'", "data:"})
PRIVATE = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})
UNSAFE = frozenset({"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"})


def score(answer: TestResponse) -> int:
    """The sum: 100, what is taken away, and what is added when at least 90 are left."""
    modifiers = rate(answer).values()
    left = 100 + sum(modifier for modifier in modifiers if modifier < 0)
    return (
        left + sum(modifier for modifier in modifiers if modifier > 0) if left >= ENOUGH_FOR_A_BONUS else max(left, 0)
    )


def rate(answer: TestResponse) -> dict[str, int]:
    """The modifier of each of the rules."""
    headers = answer.headers
    policy = read_policy(headers.getlist("Content-Security-Policy"))
    hsts = strict_transport(headers.get("Strict-Transport-Security"))
    return {
        "content-security-policy": content_security(policy),
        "cookies": cookies(headers.getlist("Set-Cookie"), hsts=hsts >= 0),
        "referrer-policy": referrer(headers.get("Referrer-Policy")),
        "strict-transport-security": hsts,
        "subresource-integrity": integrity(answer.get_data(as_text=True)),
        "x-content-type-options": 0 if headers.get("X-Content-Type-Options", "").strip().lower() == "nosniff" else -5,
        "x-frame-options": framing(policy, headers.get("X-Frame-Options")),
        "cross-origin-resource-policy": resource_policy(headers.get("Cross-Origin-Resource-Policy")),
    }


def read_policy(values: Iterable[str]) -> dict[str, set[str]]:
    """The directives of all policies; the first of a name counts."""
    read: dict[str, set[str]] = {}
    for directive in ";".join(values).split(";"):
        words = directive.lower().split()
        if words:
            read.setdefault(words[0], set(words[1:]))
    return read


def content_security(policy: dict[str, set[str]]) -> int:
    """-25 without one, down to 0 for what is unsafe, 5 without anything unsafe, 10 when everything else is closed."""
    if not policy:
        return -25
    default = policy.get("default-src", {"*"})
    script, style = (
        _without_ignored(policy.get("script-src", default)),
        _without_ignored(policy.get("style-src", default)),
    )
    if script & (BROAD | INLINE) or policy.get("object-src", default) & BROAD:
        return -20
    active = {source for name, sources in policy.items() if name not in {"img-src", "media-src"} for source in sources}
    if any(source.startswith(("http:", "ftp:")) for source in active):
        return -20
    if "'unsafe-eval'" in script | style:
        return -10
    passive = policy.get("img-src", default) | policy.get("media-src", default)
    if any(source.startswith(("http:", "ftp:")) for source in passive):
        return -10
    if style & (BROAD | INLINE):
        return 0
    return 10 if policy.get("default-src") == {"'none'"} else 5


def _without_ignored(sources: set[str]) -> set[str]:
    """Beside a nonce or a hash a browser takes no notice of 'unsafe-inline'."""
    named = any(re.match(r"'(?:nonce|sha256|sha384|sha512)-", source) for source in sources)
    return sources - {"'unsafe-inline'"} if named else sources


def cookies(values: list[str], *, hsts: bool) -> int:
    """The worst of the cookies that were set; 5 when all are as they should be, 0 without any."""
    if not values:
        return 0
    return min(_cookie(value, hsts=hsts) for value in values)


def _cookie(value: str, *, hsts: bool) -> int:
    name = value.partition("=")[0].strip().lower()
    flags = dict(part.strip().lower().partition("=")[::2] for part in value.split(";")[1:])
    is_session, same_site = any(word in name for word in ("login", "sess")), flags.get("samesite")
    found = [5 if same_site else 0]
    if "samesite" in flags and same_site not in {"lax", "strict", "none"}:
        found.append(-20)
    if "secure" not in flags:
        found.append(-20 if same_site == "none" else -5 if hsts else -20)
        if is_session:
            found.append(-10 if hsts else -40)
    if "csrf" in name and not same_site:
        found.append(-20)
    if is_session and "httponly" not in flags:
        found.append(-30)
    return min(found)


def referrer(value: str | None) -> int:
    """5 for what tells other sites little, -5 for what tells them the address."""
    if value is None:
        return 0
    last = [word.strip().lower() for word in value.split(",") if word.strip().lower() in PRIVATE | UNSAFE][-1:]
    return 5 if last and last[0] in PRIVATE else -5


def strict_transport(value: str | None) -> int:
    """0 for half a year and more."""
    found = re.search(r"max-age=(\d+)", value or "")
    if not found:
        return -20
    return 0 if int(found[1]) >= SIX_MONTHS_S else -10


class _Scripts(HTMLParser):
    """The scripts of a page that have an address: (address, integrity)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and given.get("src"):
            self.found.append((given["src"] or "", given.get("integrity")))


def integrity(page: str) -> int:
    """5 when scripts carry their digest; a script of another site without one costs."""
    parser = _Scripts()
    parser.feed(page)
    worst = [_script(address, digest) for address, digest in parser.found]
    if not worst or min(worst) < 0:
        return min(worst, default=0)
    return max(worst)


def _script(address: str, digest: str | None) -> int:
    if not re.match(r"(?:https?:)?//", address):
        return 5 if digest else 0
    if address.startswith("https://"):
        return 5 if digest else -5
    return -20 if digest else -50


def framing(policy: dict[str, set[str]], value: str | None) -> int:
    """5 when the policy says who may frame, 0 when the older header does."""
    if "frame-ancestors" in policy:
        return 5
    return 0 if (value or "").strip().lower() in {"deny", "sameorigin"} else -20


def resource_policy(value: str | None) -> int:
    """10 when other sites may not embed what is answered."""
    if value is None:
        return 0
    return {"same-origin": 10, "same-site": 10, "cross-origin": 0}.get(value.strip().lower(), -5)
