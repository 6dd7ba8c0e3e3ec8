"""The audit log over the API."""

from typing import Any
from uuid import UUID

from flask import Response

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.queries.audit import AuditFilter, AuditView, list_audit
from rhesis_app.tenancy.queries.audit_exports import open_audit_export
from rhesis_app.tenancy.schemas import AuditExportArguments, AuditListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint("audit_api", __name__, url_prefix="/api/v1/audit", description="Who did what to what")


@blueprint.route("")
@needs(Permission.AUDIT_READ)
@blueprint.arguments(AuditListArguments, location="query")
@blueprint.answers(200, AuditView, many=True)
def index(arguments: dict[str, Any]) -> Page[AuditView]:
    """List the entries of the audit log, newest first."""
    chosen = _filter(arguments)
    return list_audit(current_scope(), page_request(**arguments), chosen)


@blueprint.route("/export")
@needs(Permission.AUDIT_READ)
@blueprint.arguments(AuditExportArguments, location="query")
@blueprint.answers(200, description="The entries as JSON Lines or CSV, as an attachment")
def export(arguments: dict[str, Any]) -> Response:
    """Write all entries that fit down as a file, newest first."""
    file_format = arguments.pop("format")
    found = open_audit_export(current_scope(), file_format, _filter(arguments))
    return download(found.write, name=found.file_name, media_type=found.media_type)


def _filter(arguments: dict[str, Any]) -> AuditFilter:
    """Takes its own names out of `arguments`."""
    return AuditFilter(
        action=arguments.pop("action"),
        actor=_id_or_word(arguments.pop("actor")),
        subject=_id_or_word(arguments.pop("object")),
        since=arguments.pop("since"),
        until=arguments.pop("until"),
    )


def _id_or_word(said: str | None) -> UUID | str | None:
    try:
        return UUID(said) if said is not None else None
    except ValueError:
        return said
