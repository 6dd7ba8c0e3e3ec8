"""Why a single sign-on leads nowhere, in words that help and tell nothing of what the provider said."""

import logging
from typing import Final

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import AppError, Conflict, Forbidden, Unauthenticated, Unavailable
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.sign_on import SignOn, SignOnFailure


class NeedsPassword(Conflict):
    """The account is there and has a password: whoever knows it connects it."""


_log = logging.getLogger(__name__)
_ERRORS: Final[dict[str, tuple[type[AppError], str]]] = {
    "unverified": (
        Forbidden,
        "The sign-on provider does not vouch for your e-mail address. Confirm it there, or ask whoever runs the provider.",
    ),
    "has_password": (
        NeedsPassword,
        "Your e-mail address has an account with a password here. Sign in with the password, then connect single sign-on on your profile.",
    ),
    "other_subject": (
        Conflict,
        "Your e-mail address belongs to an account that somebody else at the provider is connected with. Ask an administrator of your organization.",
    ),
    "inactive": (Forbidden, "Your account is switched off here. Ask an administrator of your organization."),
    "unknown": (
        Forbidden,
        "You have no account here yet, and nobody joins this instance by single sign-on alone. Ask somebody to invite you.",
    ),
    "no_group": (
        Forbidden,
        "None of your groups at the sign-on provider may work here. Ask whoever runs the provider to add you to one.",
    ),
    "left": (Forbidden, "Your place in the organization has ended. Ask somebody there to invite you again."),
    "no_role": (
        Unavailable,
        "The role that your group stands for does not exist in the organization. Tell whoever runs this instance.",
    ),
    "no_organization": (
        Unavailable,
        "The organization that single sign-on leads to does not exist on this instance. Tell whoever runs it.",
    ),
    "taken": (
        Conflict,
        "Somebody else here is connected with this account of the provider. Sign in there as yourself.",
    ),
    "connected": (Conflict, "You are connected with another account of the provider. Disconnect that one first."),
    "away": (
        Unavailable,
        "The sign-on provider cannot be asked right now. Try again in a moment; a password works as ever.",
    ),
    "untrusted": (
        Unauthenticated,
        "What came back from the sign-on provider could not be trusted. Start again; if it stays, tell whoever runs this instance.",
    ),
}


class Refused(Exception):
    """A sign-on that ends here; `reason` is one word, kept in logs and the audit log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refusal_of(failure: SignOnFailure) -> Refused:
    """What a failure of the provider is to whoever signs in; the log says which check it was."""
    _log.warning("the sign-on provider vouches for nobody", extra={"check": failure.code})
    return Refused("away" if failure.code == "away" else "untrusted")


def error_of(refused: Refused) -> AppError:
    """What to tell whoever signs in."""
    kind, words = _ERRORS[refused.reason]
    return kind(words)


def record_refusal(host: Host, sign_on: SignOn, refused: Refused, *, email: str, ip: str | None) -> None:
    """An entry in the audit log of the organization that the provider signs in, if it names one."""
    wanted = "SELECT organization_id FROM find_place(:wanted, NULL)"
    places = host.ask(wanted, wanted=sign_on.organization) if sign_on.organization else []
    for place in places:
        with host.open_scope(Actor.system(place["organization_id"], frozenset()), ip=ip) as scope, scope.atomic():
            scope.record("sso.refuse", "user", None, reason=refused.reason, email=email)
