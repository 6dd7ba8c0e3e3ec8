"""Entries of the audit log in words. An action that stands in no list is said by its own name."""

import re
from typing import Final

from rhesis_app.tenancy.queries.audit import AuditView

UNKNOWN: Final = "Somebody"
_BACKGROUND: Final = "Background work"
# actions by which nobody proved who they are
_UNPROVEN: Final = frozenset({"session.refuse", "session.throttle", "token.refuse", "refresh.refuse"})
# verbs that say more than their past tense, or have one of their own
_VERBS: Final = {
    "add_tests": "added tests to",
    "ask": "asked for",
    "cancel": "cancelled",
    "create": "made",
    "decide": "decided by",
    "freeze": "saved a version of",
    "invoke": "called",
    "read": "read",
    "remove_tests": "took tests out of",
    "rerun": "started again as",
    "rescore": "scored again as",
    "reset_throttle": "lifted the pause of",
    "retry": "asked errors again as",
    "save_version": "saved a version of",
    "test": "tried",
    "transfer": "handed over",
    "update": "changed",
    "use_newest": "moved tests to the newest version of",
    "withdraw": "withdrew",
}
# whole sentences, where a verb and a kind do not make one; {name} is what the object is called
_SENTENCES: Final = {
    "access.deny": "asked for what belongs to another organization",
    "audit.expire": "erased entries of the audit log that were older than it is kept",
    "demo.remove": "removed the demonstration",
    "invitation.accept": "accepted the invitation of {name}",
    "invitation.revoke": "revoked the invitation of {name}",
    "invitation.send": "invited {name}",
    "member.change_role": "changed the role of {name}",
    "member.leave": "left the organization",
    "member.remove": "removed {name} from the organization",
    "member.reset_link": "made a link for {name} to set a new password",
    "notification.read_all": "read all notifications",
    "organization.export": "asked for an archive of all data",
    "organization.found": "founded the organization",
    "organization.import": "brought the organization in from an archive",
    "organization.rename": "renamed the organization to {name}",
    "organization.retention": "set how long results and the audit log are kept",
    "password.change": "changed their password",
    "password.reset": "set a new password by a link",
    "password.reset_asked": "asked for a link to set a new password",
    "password.reset_link": "was made a link to set a new password",
    "preference.choose": "chose what to be told of",
    "refresh.refuse": "sent a refresh token of {name} that is not valid any more",
    "run.expire": "erased runs that were older than results are kept",
    "run.rescore_many": "scored several runs again",
    "session.close": "ended a session",
    "session.close_others": "ended all their other sessions",
    "session.open": "signed in",
    "session.refuse": "failed to sign in as {name}",
    "session.switch": "went on to work in another organization",
    "session.throttle": "was kept from signing in as {name}",
    "test.ask_edit": "asked for one change to many tests",
    "test.edit_many": "changed many tests at once",
    "token.refuse": "sent the API token {name} that is not valid any more",
    "user.update": "changed their own account",
}
_KINDS: Final = {"test_run": "run", "user": "person", "token": "API token", "job": "piece of background work"}
_NAMES: Final = ("name", "email", "number", "exporter", "file")


def actor_words(entry: AuditView) -> str:
    """Who it was: a name, `Alice, by API token`, `Background work`, or `Somebody` who proved nothing."""
    if entry.action in _UNPROVEN:
        return UNKNOWN
    if entry.user_id is None:
        return _BACKGROUND
    name = entry.actor_name or "Somebody who is gone"
    return f"{name}, by API token" if entry.actor_kind == "token" else name


def kind_words(kind: str) -> str:
    """A kind of object: `run` for `test_run`."""
    return _KINDS.get(kind, kind.replace("_", " "))


def kind_choice(kind: str) -> str:
    """A kind of object as a choice in a list: `Run`."""
    return _capital(kind_words(kind))


def action_choice(action: str) -> str:
    """An action as a choice in a list: `Started run`."""
    kind, _, verb = action.partition(".")
    words = _SENTENCES.get(action, f"{_past(verb)} {kind_words(kind)}").replace("{name}", "…")
    return _capital(words)


def deed_words(entry: AuditView, name: str) -> str:
    """What was done: a whole sentence with `name` in it, or one that goes on with it: `archived the metric`."""
    sentence = _SENTENCES.get(entry.action)
    if sentence is not None:
        return sentence.replace("{name}", name or f"a {kind_words(entry.object_type)}")
    _, _, verb = entry.action.partition(".")
    return f"{_past(verb)} the {kind_words(entry.object_type)}"


def names_object(action: str) -> bool:
    """Whether the words of this action go on with the object's name."""
    return action not in _SENTENCES


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _past(verb: str) -> str:
    """`archived` for `archive`, `tried` for `try`; of several words the first one changes."""
    if verb in _VERBS:
        return _VERBS[verb]
    first, _, rest = verb.partition("_")
    stem = re.sub(r"(?<=[^aeiou])y\Z", "i", first).removesuffix("e")
    return f"{stem}ed {rest.replace('_', ' ')}".strip()


def name_of(entry: AuditView, found: str = "") -> str:
    """What the object is called: as it is `found`, or as it was called then; empty where nothing says so."""
    named = found or entry.object_name or next((str(entry.facts[key]) for key in _NAMES if entry.facts.get(key)), "")
    return f"#{named}" if entry.object_type == "test_run" and named.isdecimal() else named
