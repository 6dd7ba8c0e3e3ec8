"""Single sign-on as use cases see it: a provider that people are sent to, and what it vouches for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Who somebody is to a provider: `subject` never changes there, `email` may, and counts only with `email_verified`."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str
    groups: frozenset[str]


class SignOnFailure(Exception):
    """A provider vouches for nobody. `code` is `away`, or what is wrong with its answer; it holds nothing that the provider said."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What goes out with a person and must come back: `state` to the browser, `nonce` inside the signed answer.

    `verifier` stays here until the code is exchanged; only its digest goes out.
    """

    state: str
    nonce: str
    verifier: str = field(repr=False)


class SignOn(Protocol):
    """A provider, and the organization that its people belong to."""

    @property
    def label(self) -> str:
        """What people know it by: its host."""
        ...

    @property
    def issuer(self) -> str:
        """Its name in what it signs, which identities are kept by."""
        ...

    @property
    def organization(self) -> str | None:
        """The slug or id of the organization that people join by it; None where nobody joins without an invitation."""
        ...

    @property
    def roles(self) -> Mapping[str, str]:
        """Group → role there; `*` is everybody's. Empty where roles are given by people alone."""
        ...

    def address(self, challenge: Challenge, redirect_uri: str) -> str:
        """Where to send somebody. Raises SignOnFailure."""
        ...

    def identify(self, challenge: Challenge, code: str, redirect_uri: str) -> Vouched:
        """Exchange the code that somebody came back with. Raises SignOnFailure for whatever cannot be trusted."""
        ...
