"""Reading a pasted curl command: what it would send, as data. Nothing is run and no file is read."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote_plus

MAX_LENGTH = 100_000

_SEPARATORS = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<"})
_SHELL_QUOTE = re.compile(r"(?<=\s)\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_VARIABLE = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?")
_NAMES = {
    "-X": "method", "--request": "method", "-H": "header", "--header": "header", "--url": "url",
    "-d": "text", "--data": "text", "--data-ascii": "text", "--data-raw": "raw", "--data-binary": "text",
    "--data-urlencode": "encoded", "--json": "json", "-u": "user", "--user": "user", "-G": "get", "--get": "get",
    "-I": "head", "--head": "head", "-A": "agent", "--user-agent": "agent", "-b": "cookie", "--cookie": "cookie",
    "-e": "referer", "--referer": "referer", "--oauth2-bearer": "bearer", "-k": "insecure", "--insecure": "insecure",
    "-L": "location", "--location": "location", "-F": "form", "--form": "form", "--form-string": "form",
    "-T": "upload", "--upload-file": "upload", "-x": "proxy", "--proxy": "proxy", "-K": "config", "--config": "config",
}  # fmt: skip
_QUIET = frozenset({
    "--compressed", "-s", "--silent", "-S", "--show-error", "-i", "--include", "-v", "--verbose", "-f", "--fail", "-N",
    "--no-buffer", "-g", "--globoff", "-#", "--progress-bar", "--http1.1", "--http2", "--fail-with-body", "-4", "-6",
    "--tlsv1.2", "--tlsv1.3", "--path-as-is", "-0", "--http1.0", "-q", "--no-progress-meter", "--ssl-no-revoke",
})  # fmt: skip
_QUIET_WITH_VALUE = frozenset({
    "-m", "--max-time", "--connect-timeout", "-o", "--output", "-w", "--write-out", "--retry", "--retry-delay",
    "-D", "--dump-header", "-c", "--cookie-jar", "--limit-rate", "--max-redirs", "-r", "--range",
})  # fmt: skip
_FLAGS = frozenset({"get", "head", "insecure", "location"})


class CurlProblem(ValueError):
    """The command cannot be taken over; the text says what to change."""


@dataclass(frozen=True, slots=True)
class CurlRequest:
    """What the command would send. Headers keep their order and may repeat; `auth` is `user:password` of `-u`."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    auth: str | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


def parse_curl(text: str) -> CurlRequest:
    """Read one curl command as copied from a terminal, a browser or a document. Raises CurlProblem."""
    words = _words(text)
    if not words or words[0].rsplit("/", 1)[-1] not in {"curl", "curl.exe"}:
        raise CurlProblem("Paste a whole command that starts with curl.")
    if "curl" in words[1:] or _SEPARATORS.intersection(words):
        raise CurlProblem("Paste a single curl command, without pipes, redirections or a second command.")
    reader = _Reader()
    reader.read(words[1:])
    return reader.finished()


def _words(text: str) -> list[str]:
    if len(text) > MAX_LENGTH:
        raise CurlProblem("The command is longer than 100,000 characters.")
    line = _windows_unescaped(text.strip().removeprefix("$ "))
    line = _SHELL_QUOTE.sub(lambda match: shlex.quote(_unescaped(match[1])), line)
    line = re.sub(r"\\\r?\n", " ", line)
    try:
        return shlex.split(line)
    except ValueError:
        raise CurlProblem("A quote is opened and never closed. Copy the whole command.") from None


def _windows_unescaped(text: str) -> str:
    """The command prompt's form: a caret continues the line and escapes the character after it."""
    if not re.search(r"\^\s*\n|\^\"", text):
        return text
    joined = re.sub(r"\^[ \t]*\r?\n", " ", text)
    return re.sub(r"\^(.)", r"\1", joined)


def _unescaped(text: str) -> str:
    """The inside of the shell's `$'…'`, which browsers use where a body holds quotes or line breaks."""

    def plain(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) > 1:
            return chr(min(int(escape[1:], 16), 0x10FFFF))
        return _ESCAPES.get(escape, escape)

    return _ESCAPE.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Reader:
    """Collects what the options say."""

    def __init__(self) -> None:
        self.method: str | None = None
        self.urls: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.body: list[str] = []
        self.user: str | None = None
        self.as_query = False
        self.is_json = False
        self.warnings: list[str] = []

    def read(self, words: list[str]) -> None:
        left = list(reversed(words))
        while left:
            word = left.pop()
            if word.startswith("-") and word != "-":
                self._option(word, left)
            else:
                self.urls.append(word)

    def _option(self, word: str, left: list[str]) -> None:
        option, glued = _split_option(word)
        if option in _QUIET:
            if glued:  # several flags in one word, as in -sSL
                left.append("-" + glued)
            return
        name = _NAMES.get(option)
        if name in _FLAGS:
            if glued:
                left.append("-" + glued)
            self._flag(name)
            return
        if name is None and option not in _QUIET_WITH_VALUE:
            raise CurlProblem(f"The option {option} is not understood. Remove it and paste again.")
        if glued is None and not left:
            raise CurlProblem(f"The option {option} needs a value. Copy the whole command.")
        value = left.pop() if glued is None else glued
        if name is not None:
            _OPTIONS[name](self, value)

    def _flag(self, name: str) -> None:
        if name == "get":
            self.as_query = True
        elif name == "head":
            raise CurlProblem("This command asks for headers only (-I); a test needs an answer with a body.")
        elif name == "insecure":
            self.warnings.append("-k is ignored: certificates are always checked.")
        else:
            self.warnings.append("-L is ignored: redirects are not followed. Enter the final URL.")

    def add_header(self, value: str) -> None:
        name, colon, content = value.partition(":")
        if value.startswith("@"):
            raise CurlProblem("Headers from a file (@…) cannot be read here. Paste the headers themselves.")
        if colon and content.strip():
            self.headers.append((name.strip(), content.strip()))

    def add_text(self, value: str) -> None:
        if value.startswith("@"):
            raise CurlProblem(f"The body comes from a file ({value[:60]}), which is not here. Paste the body itself.")
        self.body.append(value)

    def add_json(self, value: str) -> None:
        self.add_text(value)
        self.is_json = True

    def add_encoded(self, value: str) -> None:
        name, equals, content = value.partition("=")
        if not equals and "@" in value:
            raise CurlProblem(f"The body comes from a file ({value[:60]}), which is not here. Paste the body itself.")
        self.body.append(f"{name}={quote_plus(content)}" if equals and name else quote_plus(content or name))

    def finished(self) -> CurlRequest:
        if len(self.urls) != 1:
            raise CurlProblem("The command names no URL." if not self.urls else "The command names more than one URL.")
        url = _with_scheme(self.urls[0])
        body = ("" if self.is_json else "&").join(self.body) if self.body else None
        if self.as_query and body is not None:
            url, body = f"{url}{'&' if '?' in url else '?'}{body}", None
        method = (self.method or ("POST" if body is not None else "GET")).upper()
        self._name_type(body)
        self._warn_of_variables()
        return CurlRequest(method, url, tuple(self.headers), body, self.user, tuple(self.warnings))

    def _name_type(self, body: str | None) -> None:
        """Say the content type that curl itself would send, except that JSON is taken for JSON."""
        if body is None or any(name.lower() == "content-type" for name, _ in self.headers):
            return
        form = "application/x-www-form-urlencoded"
        self.headers.append(("Content-Type", "application/json" if self.is_json or _is_json(body) else form))

    def _warn_of_variables(self) -> None:
        texts = [value for _, value in self.headers] + [self.user or ""]
        if any(_VARIABLE.search(text) for text in texts):
            self.warnings.append("A credential is a shell variable here ($…). Enter its real value.")


_OPTIONS: dict[str, Callable[[_Reader, str], None]] = {
    "method": lambda reader, value: setattr(reader, "method", value),
    "header": _Reader.add_header,
    "url": lambda reader, value: reader.urls.append(value),
    "text": _Reader.add_text,
    "raw": lambda reader, value: reader.body.append(value),
    "encoded": _Reader.add_encoded,
    "json": _Reader.add_json,
    "user": lambda reader, value: setattr(reader, "user", value),
    "agent": lambda reader, value: reader.add_header(f"User-Agent: {value}"),
    "cookie": lambda reader, value: reader.add_header(f"Cookie: {value}"),
    "referer": lambda reader, value: reader.add_header(f"Referer: {value}"),
    "bearer": lambda reader, value: reader.add_header(f"Authorization: Bearer {value}"),
    "proxy": lambda reader, _: reader.warnings.append("The proxy is ignored: calls go straight to the endpoint."),
    "form": lambda _reader, _value: _refuse("Multipart forms (-F) cannot be sent. Does the endpoint also take JSON?"),
    "upload": lambda _reader, _value: _refuse("Uploads (-T) cannot be sent. Does the endpoint also take JSON?"),
    "config": lambda _reader, _value: _refuse("A configuration file (-K) is not here. Paste the command itself."),
}


def _refuse(message: str) -> None:
    raise CurlProblem(message)


def _split_option(word: str) -> tuple[str, str | None]:
    """`-XPOST` and `--request=POST` carry their value; `--request POST` does not."""
    if word.startswith("--"):
        option, equals, value = word.partition("=")
        return option, value if equals else None
    return word[:2], word[2:] or None


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
