"""Ports: what the use cases ask of the world outside. Adapters live in `infra`, fakes in `tests/fakes.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """One HTTP call to make. `timeout_s` bounds all of it, `connect_timeout_s` its connection and TLS handshake."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 60.0
    connect_timeout_s: float = 5.0
    max_bytes: int = MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundAnswer:
    """What came back, whatever its status. Header names are lower-case.

    `latency_ms` runs from the first byte sent to the last byte read: connecting is not the application's time.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    latency_ms: float


class OutboundFailure(Exception):
    """A call that gave no usable answer.

    `code` is one of the engine's error codes and `message` is fit for the user; `retry_after_s` is the pause that the
    endpoint asked for, and `answer` what it said, when it said something (a 500 with a body).
    """

    def __init__(
        self, code: str, message: str, *, retry_after_s: float | None = None, answer: OutboundAnswer | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.answer = answer


class HttpDoor(Protocol):
    """The one way out over HTTP; safe to call from many threads."""

    def send(self, request: OutboundRequest) -> OutboundAnswer:
        """Make the call once: no redirects, no retries. Raises OutboundFailure; an answer of any status is returned."""
        ...

    def check(self, url: str) -> None:
        """Raise OutboundFailure when `url` can be refused without a look-up: its form, its port, a literal address."""
        ...
