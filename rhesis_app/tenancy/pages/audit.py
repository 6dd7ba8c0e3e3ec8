"""Settings › Audit log: who did what to what, filtered, and as a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.queries.audit import SYSTEM, AuditFilter, AuditTerms, AuditView, audit_terms, list_audit
from rhesis_app.tenancy.queries.audit_exports import Format, open_audit_export
from rhesis_app.tenancy.queries.audit_objects import AuditObject, audit_objects
from rhesis_app.tenancy.queries.audit_seals import newest_seal
from rhesis_app.tenancy.queries.audit_words import (
    action_choice,
    actor_words,
    deed_words,
    kind_choice,
    name_of,
    names_object,
)
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.pages import render_page
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("audit", __name__)
_FILTERS: Final = ("action", "actor", "object", "from", "to")
# kind of object → its page, and the name of the page's argument
_PAGES: Final = {
    "endpoint": ("endpoints.show", "endpoint_id"),
    "gate": ("gates.index", None),
    "metric": ("metrics.show", "metric_id"),
    "model": ("models.show", "model_id"),
    "project": ("projects.overview", None),
    "prompt": ("prompts.show", "prompt_id"),
    "requirement": ("requirements.show", "requirement_id"),
    "schedule": ("schedules.index", None),
    "test": ("tests.show", "test_id"),
    "test_run": ("runs.show", "number"),
    "test_set": ("test_sets.show", "test_set_id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An entry as a row of the page: who, in words; what, in words that may go on with `name`, which may lead to `href`."""

    entry: AuditView
    who: str
    deed: str
    name: str
    href: str


@blueprint.get("/settings/audit")
@needs(Permission.AUDIT_READ)
def index() -> Response:
    """The entries, newest first."""
    scope = current_scope()
    kept = {name: value for name in _FILTERS if (value := request.args.get(name, ""))}
    chosen = _chosen(kept)
    page = list_audit(scope, page_request(cursor=request.args.get("cursor")), chosen)
    objects = audit_objects(scope, page.items)
    return render_page(
        "audit/index.html",
        section="audit",
        rows=[_row(entry, objects.get(entry.object_id) if entry.object_id else None) for entry in page.items],
        links=page_links(page),
        kept=kept,
        is_of_one=isinstance(chosen.subject, UUID),
        seal=newest_seal(scope),
        now=scope.now,
        **_options(audit_terms(scope)),
    )


@blueprint.get("/settings/audit/export")
@needs(Permission.AUDIT_READ)
def export() -> Response:
    """All entries that fit the filters, as a file: CSV, or without `?format=csv` JSON Lines."""
    file_format: Format = "csv" if request.args.get("format") == "csv" else "jsonl"
    found = open_audit_export(current_scope(), file_format, _chosen(request.args))
    return download(found.write, name=found.file_name, media_type=found.media_type)


def _chosen(sent: Mapping[str, str]) -> AuditFilter:
    """The filters of an address; what cannot be read leaves nothing out."""
    actor = sent.get("actor")
    return AuditFilter(
        action=sent.get("action") or None,
        actor=SYSTEM if actor == SYSTEM else _id(actor),
        subject=_id(sent.get("object")) or sent.get("object") or None,
        since=_midnight(sent.get("from"), days=0),
        until=_midnight(sent.get("to"), days=1),
    )


def _id(said: str | None) -> UUID | None:
    try:
        return UUID(said) if said else None
    except ValueError:
        return None


def _midnight(said: str | None, *, days: int) -> datetime | None:
    try:
        day = date.fromisoformat(said) + timedelta(days=days) if said else None
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), tzinfo=UTC) if day else None


def _options(terms: AuditTerms) -> dict[str, Any]:
    people = [(str(user_id), name) for user_id, name in terms.people]
    return {
        "actions": [
            ("", "Everything done"),
            *sorted(((one, action_choice(one)) for one in terms.actions), key=_second),
        ],
        "people": [("", "Everybody"), (SYSTEM, "Nobody known, or background work"), *people],
        "kinds": [("", "About everything"), *sorted(((one, kind_choice(one)) for one in terms.kinds), key=_second)],
    }


def _second(option: tuple[str, str]) -> str:
    return option[1].lower()


def _row(entry: AuditView, found: AuditObject | None) -> AuditRow:
    name = name_of(entry, found.name if found else "")
    return AuditRow(
        entry=entry,
        who=actor_words(entry),
        deed=deed_words(entry, name),
        name=name if names_object(entry.action) else "",
        href=_href(entry, found),
    )


def _href(entry: AuditView, found: AuditObject | None) -> str:
    if found is None:
        return ""
    page, argument = _PAGES[entry.object_type]
    named: dict[str, Any] = {}
    if argument is not None:
        named[argument] = found.name if argument == "number" else entry.object_id
    return url_for(page, slug=found.slug, **named)
