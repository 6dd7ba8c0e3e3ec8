"""Ports: what the use cases ask of the world outside. Adapters live in `infra`, fakes in `tests/fakes.py`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

MEBIBYTE = 1024 * 1024
WIRES = ("openai", "anthropic")
"""The formats that language models speak: OpenAI-compatible chat completions, and Anthropic messages."""


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


class Sealer(Protocol):
    """Seals secrets for one field of one row of one organization; what is a person's own is sealed with their id instead."""

    def seal(self, plaintext: str, organization_id: UUID, field: str, row_id: UUID) -> str:
        """The secret as it may be stored."""
        ...

    def open(self, sealed: str, organization_id: UUID, field: str, row_id: UUID) -> str:
        """The secret; an error when it was sealed with another key, or for another place."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One e-mail to one recipient. `message_id` is the same each time it is handed over, so that doubles can be told."""

    message_id: str
    recipient: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


class PostFailure(Exception):
    """A letter was not taken. With `is_final` it never will be; else the same may work later."""

    def __init__(self, code: str, *, is_final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final


class PostCounter(Protocol):
    """A connection to the mail server."""

    def hand_over(self, letter: Letter, *, before: Callable[[], None]) -> None:
        """Hand a letter over; when this returns, the server has taken responsibility for it. Raises PostFailure.

        `before` is called when everything but the content is agreed on: from then on the server may have it, whatever
        becomes of us. What it raises goes through, and nothing is handed over.
        """
        ...


class Fate(StrEnum):
    """What became of a process that held work: `worker_died` means that the one which had started it is gone as well."""

    ALIVE = "alive"
    PROCESS_DIED = "process_died"
    WORKER_DIED = "worker_died"
    UNKNOWN = "unknown"


class Post(Protocol):
    """The way out for e-mail."""

    @property
    def domain(self) -> str:
        """What a Message-ID made here ends with."""
        ...

    def open(self) -> AbstractContextManager[PostCounter]:
        """Connect to the mail server. Raises PostFailure when it is away or refuses us."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a model costs, in `currency` for a million tokens; None where nobody has said."""

    input_per_million: Decimal | None = None
    output_per_million: Decimal | None = None
    currency: str = "USD"

    def cost_of(self, tokens_in: int | None, tokens_out: int | None) -> Decimal | None:
        """The cost of one call; None unless both prices and both counts are known."""
        if None in (self.input_per_million, self.output_per_million, tokens_in, tokens_out):
            return None
        priced = Decimal(tokens_in or 0) * (self.input_per_million or 0)
        return (priced + Decimal(tokens_out or 0) * (self.output_per_million or 0)) / 1_000_000


class Turns(Protocol):
    """Calls of one model at a time; safe for many threads."""

    def take(self, timeout_s: float) -> bool:
        """Wait for a turn; False when none came free in time."""

    def give(self, code: str | None, status: int | None = None, pause_s: float = 0.0) -> None:
        """Give a turn back, with what the call showed: its error code (None: answered), status, and the pause asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledModel:
    """A language model ready to be called: where it answers, how, and for how much. `label` is what people call it.

    Calls wait for `turns` where there are any; without, the caller's process has `max_concurrency` of its own.
    """

    label: str
    wire: str
    base_url: str
    model_name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    key: str | None = field(default=None, repr=False)
    timeout_s: int = 60
    max_concurrency: int = 8
    turns: Turns | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuestion:
    """What to ask a model: the answer is to be one JSON object that fits `schema`. All of it takes at most `patience_s`."""

    prompt: str
    schema: Mapping[str, Any]
    patience_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpent:
    """What a call came to, whether or not its answer could be used. `text` is all that the model said."""

    model: str
    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """A model's answer that fits the schema it was asked for. `request` is what was sent, without any key."""

    answer: Mapping[str, Any]
    spent: ModelSpent
    request: Mapping[str, Any]


class ModelFailure(Exception):
    """A model gave no usable answer: `code` is one of the engine's error codes, `refused` or `not_json`; `message` is fit
    for the user. `spent` says what an answer cost that could not be used, `request` what was sent.
    """

    def __init__(
        self, code: str, message: str, *, spent: ModelSpent | None = None, request: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.spent = spent
        self.request = request or {}


class ModelDoor(Protocol):
    """The way to language models; safe to call from many threads."""

    def ask(self, model: CalledModel, question: ModelQuestion) -> ModelAnswer:
        """Ask, and ask again when that may help. Raises ModelFailure."""
        ...
