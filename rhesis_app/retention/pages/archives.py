"""The page of an organization's data: how long it is kept, and all of it in one file."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.permissions import Permission
from rhesis_app.retention import forms
from rhesis_app.retention.actions.export import ask_for_archive, delete_archive
from rhesis_app.retention.actions.keep import set_keeping
from rhesis_app.retention.queries.archives import copy_archive, list_archives, view_archive
from rhesis_app.retention.queries.keeping import count_old_runs, keeping_of
from rhesis_app.retention.rules.keeping import Keeping, check_keeping
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import render_fragment, render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("archives", __name__)


@blueprint.get("/settings/data")
@needs(Permission.ORGANIZATION_DELETE)
def index() -> Response:
    """What is kept for how long, and the archives there are."""
    return _page(keeping_of(current_scope()))


@blueprint.get("/settings/data/progress")
@needs(Permission.ORGANIZATION_DELETE)
def progress() -> Response:
    """The list as a fragment, for the page that watches it; nothing while nothing has changed."""
    views = _archives()
    if request.args.get("seen") == views["seen"]:
        return nothing_new()
    return render_fragment("retention/_archives.html", **views)


@blueprint.post("/settings/data/retention")
@needs(Permission.ORGANIZATION_DELETE)
def keep() -> Response:
    """Set how long is kept; where that erases runs, only after having said how many."""
    scope = current_scope()
    form = forms.keeping_form(request.form)
    try:
        keeping = forms.keeping_of_form(form)
        check_keeping(keeping)
        going = count_old_runs(scope, keeping.result_days)
        if going and keeping != keeping_of(scope) and not form.is_confirmed:
            return _page(keeping, going=going)
        set_keeping(scope, keeping)
    except AppError as error:
        return _page(keeping_of(scope), error=error)
    say("It is kept like that from now on.")
    return go_to(url_for("archives.index"))


@blueprint.post("/settings/data/archives")
@needs(Permission.ORGANIZATION_DELETE)
def create() -> Response:
    """Have an archive written."""
    try:
        ask_for_archive(current_scope(), kept=timedelta(days=runtime().settings.report_days))
    except AppError as error:
        say(error.detail, kind="failed")
    else:
        say("The archive is being written.", kind="note")
    return go_to(url_for("archives.index"))


@blueprint.get("/settings/data/archives/<uuid:archive_id>/file")
@needs(Permission.ORGANIZATION_DELETE)
def file(archive_id: UUID) -> Response:
    """Download an archive."""
    view = view_archive(current_scope(), archive_id)
    return download(partial(copy_archive, current_scope(), view), name=view.file_name, media_type="application/zip")


@blueprint.post("/settings/data/archives/<uuid:archive_id>/delete")
@needs(Permission.ORGANIZATION_DELETE)
def delete(archive_id: UUID) -> Response:
    """Delete an archive with its file."""
    view = view_archive(current_scope(), archive_id)
    delete_archive(current_scope(), archive_id)
    say(f"{view.file_name} was deleted.")
    return go_to(url_for("archives.index"))


def _archives() -> dict[str, Any]:
    scope = current_scope()
    page = list_archives(scope, page_request(cursor=request.args.get("cursor")))
    return {"page": page, "seen": forms.seen(page.items), "links": page_links(page), "now": scope.now}


def _page(keeping: Keeping, *, going: int = 0, error: AppError | None = None) -> Response:
    return render_page(
        "retention/data.html",
        section="data",
        status=error.status if error else 200,
        keeping=keeping,
        going=going,
        result_options=forms.day_options(keeping.result_days),
        audit_options=forms.day_options(keeping.audit_days),
        kept_days=runtime().settings.report_days,
        errors=error.errors if error else {},
        message=error.detail if error else "",
        **_archives(),
    )
