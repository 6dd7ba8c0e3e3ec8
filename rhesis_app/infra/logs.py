"""Logs as JSON lines with the request's id; secrets are cut out by name and by form."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import structlog
from flask import g, has_request_context, request

_SECRET_NAMES = re.compile(
    r"(password|secret|token|authorization|cookie|api_?key|encryption|credential|recovery|totp)", re.IGNORECASE
)
_SECRET_FORMS = re.compile(
    # the database's own account of a refused row holds the row
    r"(?<=DETAIL:  )[\s\S]+?(?=\n\nThe above exception|\n\[SQL|\Z)|"
    r"rhx_[0-9A-Za-z]{8,}|\bsk-[\w-]{8,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|"
    r"(?:(?<=[Bb]earer )|(?<=[Bb]asic ))\S+|"
    # links that work once; an id is shorter
    r"(?:(?<=/reset/)|(?<=/invitations/)|(?<=/start/)|(?<=/sign-in/)|(?<=/register/)|(?<=/email/))[\w-]{40,}|"
    # sealed texts, hashes of passwords, seeds of one-time codes
    r"gAAAA[\w-]{40,}=*|\$argon2\w*\$\S+|otpauth://\S+|"
    # 256 random bits as links and refresh tokens have them: both cases, which no name of 43 letters with underscores has
    r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{43}(?![\w-])"
)
_CUT = "[removed]"


def configure_logs(level: str) -> None:
    """Send every logger through one JSON handler on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _request_words,
                _remove_secrets,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(
                    serializer=lambda value, **_: orjson.dumps(value, default=str).decode()
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings name whole URLs
    for chatty in ("rq", "alembic", "werkzeug"):
        logging.getLogger(chatty).setLevel(max(logging.getLevelName(level), logging.WARNING))


def _request_words(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if has_request_context():
        event["request_id"] = g.get("request_id", "")
        event["rule"] = request.url_rule.rule if request.url_rule else ""
        identity = g.get("identity")
        if identity is not None:
            event["organization_id"] = str(identity.actor.organization_id)
            event["user_id"] = str(identity.actor.user_id)
    return event


def _remove_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # names of structlog's own begin with an underscore, and are gone before anything is written
    return {name: value if name.startswith("_") else _kept(name, value) for name, value in event.items()}


def _kept(name: Any, value: Any) -> Any:
    return _CUT if _SECRET_NAMES.search(str(name)) else _clean(value)


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _kept(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    return _SECRET_FORMS.sub(_CUT, str(value))
