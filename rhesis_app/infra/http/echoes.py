"""Cutting a credential out of an answer that echoes it."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Final

from rhesis_app.kernel.ports import OutboundAnswer

_HIDDEN: Final = "••••••••".encode()
_SHORTEST_HIDDEN: Final = 8


def forms_of(secret: str) -> tuple[bytes, ...]:
    """How an echoing server would write the secret: as it is, inside JSON, and as the basic scheme sends it."""
    forms = {secret.encode(), json.dumps(secret)[1:-1].encode(), b64encode(secret.encode())}
    return tuple(form for form in forms if len(form) >= _SHORTEST_HIDDEN)


def without_secrets(answer: OutboundAnswer, hidden: tuple[bytes, ...]) -> OutboundAnswer:
    """A server that echoes its headers must not show the secret to those who may only read answers."""
    body = answer.body
    for secret in hidden:
        body = body.replace(secret, _HIDDEN)
    return answer if body is answer.body else replace(answer, body=body)
