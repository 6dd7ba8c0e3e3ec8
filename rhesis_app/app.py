"""The composition root: the only module that knows every part and puts them together."""

from functools import partial
from types import ModuleType

from flask import Flask
from flask_cors import CORS

import rhesis_app
from rhesis_app.auth.api import identity as auth_api
from rhesis_app.auth.api import me as me_api
from rhesis_app.auth.guard import register_guard, register_identity
from rhesis_app.auth.pages import accept as invitations_pages
from rhesis_app.auth.pages import profile as profile_pages
from rhesis_app.auth.pages import reset as reset_pages
from rhesis_app.auth.pages import sign_in as auth_pages
from rhesis_app.auth.pages.refusals import register_refusals
from rhesis_app.authoring import jobs as imports_jobs
from rhesis_app.authoring.api import attacks as attacks_api
from rhesis_app.authoring.api import edits as test_edits_api
from rhesis_app.authoring.api import evaluators as evaluators_api
from rhesis_app.authoring.api import imports as imports_api
from rhesis_app.authoring.api import metrics as metrics_api
from rhesis_app.authoring.api import prompts as prompts_api
from rhesis_app.authoring.api import requirements as requirements_api
from rhesis_app.authoring.api import sets as test_sets_api
from rhesis_app.authoring.api import tests as tests_api
from rhesis_app.authoring.pages import attacks as attacks_pages
from rhesis_app.authoring.pages import edits as test_edits_pages
from rhesis_app.authoring.pages import imports as imports_pages
from rhesis_app.authoring.pages import metrics as metrics_pages
from rhesis_app.authoring.pages import prompts as prompts_pages
from rhesis_app.authoring.pages import requirements as requirements_pages
from rhesis_app.authoring.pages import sets as test_sets_pages
from rhesis_app.authoring.pages import tests as tests_pages
from rhesis_app.demo import pages as demo_pages
from rhesis_app.endpoints.api import endpoints as endpoints_api
from rhesis_app.endpoints.api import models as models_api
from rhesis_app.endpoints.pages import endpoints as endpoints_pages
from rhesis_app.endpoints.pages import model_endpoints as model_endpoints_pages
from rhesis_app.endpoints.pages import models as models_pages
from rhesis_app.infra.config import Settings, read_environment, settings_from
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.db import attach_database
from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.infra.llm import LlmClient
from rhesis_app.infra.logs import configure_logs
from rhesis_app.infra.mail import SmtpPost
from rhesis_app.infra.plugins import load_plugins
from rhesis_app.infra.rq_queue import RqQueue, connect_redis
from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.site import site_directory
from rhesis_app.insights import api as insights_api
from rhesis_app.insights import jobs as insights_jobs
from rhesis_app.insights.actions.decide import decide_run
from rhesis_app.insights.pages import analysis as analysis_pages
from rhesis_app.insights.pages import compare as compare_pages
from rhesis_app.insights.pages import gates as gates_pages
from rhesis_app.kernel.jobs import collect_jobs
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Listener
from rhesis_app.notifications import jobs as notifications_jobs
from rhesis_app.notifications.api import background as jobs_api
from rhesis_app.notifications.api import notifications as notifications_api
from rhesis_app.notifications.api import preferences as preferences_api
from rhesis_app.notifications.pages import background as jobs_pages
from rhesis_app.notifications.pages import notifications as notifications_pages
from rhesis_app.notifications.pages import preferences as preferences_pages
from rhesis_app.projects import api as projects_api
from rhesis_app.projects import pages as projects_pages
from rhesis_app.projects.queries import list_project_links
from rhesis_app.reports import api as reports_api
from rhesis_app.reports import jobs as reports_jobs
from rhesis_app.reports import pages as reports_pages
from rhesis_app.reports.actions.announce import announce_run
from rhesis_app.retention import jobs as retention_jobs
from rhesis_app.retention.api import archives as archives_api
from rhesis_app.retention.api import keeping as retention_api
from rhesis_app.retention.api import recycle as recycle_api
from rhesis_app.retention.pages import archives as archives_pages
from rhesis_app.retention.pages import projects as project_archive_pages
from rhesis_app.retention.pages import recycle as recycle_pages
from rhesis_app.runs import jobs as runs_jobs
from rhesis_app.runs.actions.tell import ask_to_tell_plugins
from rhesis_app.runs.api import runs as runs_api
from rhesis_app.runs.api import schedules as schedules_api
from rhesis_app.runs.pages import again as reruns_pages
from rhesis_app.runs.pages import results as results_pages
from rhesis_app.runs.pages import runs as runs_pages
from rhesis_app.runs.pages import schedules as schedules_pages
from rhesis_app.tenancy.actions.audit import write_audit
from rhesis_app.tenancy.api import audit as audit_api
from rhesis_app.tenancy.api import invitations as invitations_api
from rhesis_app.tenancy.api import members as members_api
from rhesis_app.tenancy.api import organizations as organizations_api
from rhesis_app.tenancy.api import plugins as plugins_api
from rhesis_app.tenancy.pages import audit as audit_pages
from rhesis_app.tenancy.pages import members as members_pages
from rhesis_app.tenancy.pages import organizations as organizations_pages
from rhesis_app.tenancy.pages import plugins as plugins_pages
from rhesis_app.tenancy.queries.organizations import organizations_with_project
from rhesis_app.web import docs, health
from rhesis_app.web.errors import register_errors
from rhesis_app.web.headers import register_headers
from rhesis_app.web.limits import register_limits
from rhesis_app.web.openapi import DocumentedApi, register_documents
from rhesis_app.web.proxies import trust_proxies
from rhesis_app.web.scope import close_scopes
from rhesis_app.web.templating import configure_templates
from rhesis_app.web.tokens import register_tokens

# In the order of the product: auth, tenancy, projects, endpoints, tests, runs.
PAGES: tuple[ModuleType, ...] = (
    auth_pages,
    invitations_pages,
    reset_pages,
    profile_pages,
    organizations_pages,
    members_pages,
    audit_pages,
    plugins_pages,
    projects_pages,
    endpoints_pages,
    models_pages,
    model_endpoints_pages,
    requirements_pages,
    metrics_pages,
    attacks_pages,
    prompts_pages,
    tests_pages,
    test_edits_pages,
    test_sets_pages,
    imports_pages,
    runs_pages,
    reruns_pages,
    results_pages,
    schedules_pages,
    compare_pages,
    gates_pages,
    analysis_pages,
    reports_pages,
    recycle_pages,
    archives_pages,
    project_archive_pages,
    jobs_pages,
    preferences_pages,
    notifications_pages,
    demo_pages,
)
APIS: tuple[ModuleType, ...] = (
    auth_api,
    me_api,
    organizations_api,
    members_api,
    invitations_api,
    audit_api,
    plugins_api,
    projects_api,
    endpoints_api,
    models_api,
    requirements_api,
    evaluators_api,
    metrics_api,
    attacks_api,
    prompts_api,
    tests_api,
    test_edits_api,
    test_sets_api,
    imports_api,
    runs_api,
    schedules_api,
    insights_api,
    reports_api,
    recycle_api,
    archives_api,
    retention_api,
    jobs_api,
    preferences_api,
    notifications_api,
)
JOBS: tuple[ModuleType, ...] = (
    runs_jobs,
    imports_jobs,
    insights_jobs,
    reports_jobs,
    retention_jobs,
    notifications_jobs,
)
LISTENERS: dict[str, tuple[Listener, ...]] = {"run.finished": (decide_run,), "run.recounted": (decide_run,)}


def create_app(settings: Settings | None = None) -> Flask:
    """The Flask application with everything attached; without `settings` they are read from the environment."""
    chosen = settings or settings_from(read_environment())
    site = site_directory()
    app = Flask("rhesis_app", static_folder=str(site / "static"), template_folder=str(site / "templates"))
    app.config.update(
        SECRET_KEY=chosen.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(chosen.secret_keys[1:]),
        SESSION_COOKIE_NAME="__Host-rhesis-said" if chosen.secure_cookies else "rhesis-said",
        SESSION_COOKIE_SECURE=chosen.secure_cookies,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,
        TRUSTED_HOSTS=list(chosen.trusted_hosts) or None,
    )
    configure_logs(chosen.log_level)
    app.extensions["rhesis"] = _runtime(app, chosen, str(site / "migrations"))
    _register_edges(app, chosen)
    return app


def _runtime(app: Flask, settings: Settings, migrations: str) -> Runtime:
    database = attach_database(app, settings, migrations)
    jobs = collect_jobs(*JOBS)
    with app.app_context():
        engine = database.engine
    registry = load_plugins(
        enabled=settings.plugins_enabled, disabled=settings.plugins_disabled, strict=settings.plugins_strict
    )
    door = OutboundDoor(AllowList.parse(settings.allow_targets), allow_local=settings.allow_local_targets)
    return Runtime(
        settings=settings,
        engine=engine,
        registry=registry,
        queue=RqQueue(connect_redis(settings.redis_url), jobs),
        door=door,
        models=LlmClient(door),
        secrets=SecretBox(list(settings.encryption_keys)),
        audit=write_audit,
        jobs=jobs,
        listeners=_listeners(registry),
        post=SmtpPost(settings.mail_server) if settings.mail_server is not None else None,
    )


def _listeners(registry: Registry) -> dict[str, tuple[Listener, ...]]:
    """Who takes part when something happens, in this order: gates decide before a run is announced."""
    announce = partial(announce_run, registry=registry)
    plugins = (ask_to_tell_plugins,) if registry.listeners else ()
    return LISTENERS | {"run.finished": (*LISTENERS["run.finished"], announce, *plugins)}


def _register_edges(app: Flask, settings: Settings) -> None:
    """Hooks run in this order: id and nonce, who it is, rate limit, guard."""
    trust_proxies(app, settings)
    configure_templates(app)
    register_tokens(app, settings)
    register_headers(app, settings)
    register_identity(app)
    register_limits(app, settings)
    register_guard(app, settings)
    register_refusals(app)
    if settings.cors_origins:
        CORS(app, resources={"/api/*": {"origins": list(settings.cors_origins)}}, supports_credentials=False)
    close_scopes(app)
    app.extensions["rhesis_projects"] = list_project_links
    app.extensions["rhesis_elsewhere"] = organizations_with_project
    app.config.update(API_TITLE="Rhesis App", API_VERSION=rhesis_app.__version__, OPENAPI_VERSION="3.1.0")
    api = DocumentedApi(app)
    for edge in APIS:
        api.register_blueprint(edge.blueprint)
    for pages in (*PAGES, health, docs):
        app.register_blueprint(pages.blueprint)
    register_documents(app, api)
    register_errors(app)
