"""What can go wrong, in words an edge turns into problem JSON, a page or an exit code."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

FieldErrors = Mapping[str, Sequence[str]]


class AppError(Exception):
    """An error meant for the person who asked. `detail` says what to do and never holds a secret or another exception's text."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str, *, errors: FieldErrors | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors: dict[str, list[str]] = {name: list(texts) for name, texts in (errors or {}).items()}


class Invalid(AppError):
    """What was sent cannot be taken; `errors` names the fields (`name`, `tests.3.prompt`)."""

    status = 422
    title = "Please correct what was sent"

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        """One field, one message."""
        return cls(message, errors={name: [message]})


class BadRequest(AppError):
    """Not understood at all: no JSON, duplicate keys, a cursor of another list."""

    status = 400
    title = "The request could not be read"


class Unauthenticated(AppError):
    """Nobody is signed in, or the credential is not valid any more."""

    status = 401
    title = "Please sign in"


class Forbidden(AppError):
    """Known, in the right organization, but not allowed."""

    status = 403
    title = "Not allowed"


class NotFound(AppError):
    """No such thing in this organization; strangers learn no more than that."""

    status = 404
    title = "Not found"


class Conflict(AppError):
    """It collides with what is already there, or with the state it is in."""

    status = 409
    title = "This collides with what is there"


class PreconditionFailed(AppError):
    """The asset changed since it was read."""

    status = 412
    title = "Changed in the meantime"


class TooMany(AppError):
    """Too many requests; `retry_after_s` says when to come back."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(AppError):
    """A part this depends on is away; trying again later is right."""

    status = 503
    title = "Not available right now"
