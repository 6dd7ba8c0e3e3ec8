"""Background work of authoring: ids in, one action call."""

from uuid import UUID

from rhesis_app.authoring.actions.attacks import ATTACK, AttackParts, attack_metric
from rhesis_app.authoring.actions.edit_many import EDIT, apply_edit
from rhesis_app.authoring.actions.imports import CONFIRM, confirm_import
from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.stopping import stop_on_sigterm
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, perform

_MAY = frozenset(
    {
        Permission.PROJECT_READ,
        Permission.REQUIREMENT_WRITE,
        Permission.TEST_SET_READ,
        Permission.TEST_SET_WRITE,
        Permission.TEST_WRITE,
    }
)


@job(CONFIRM, queue="jobs", permissions=_MAY, timeout_s=900, title="Import", cancel=Permission.TEST_SET_WRITE)
def confirm(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Take a large upload over."""

    def work(scope: Scope, held: Held) -> None:
        # the upload is locked before the job, as by whoever asks for it once more: the other way round they wait for each other
        with scope.atomic():
            confirm_import(scope, held.subject_id, tick=held.tick)
            with held.finishing(scope):
                pass

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())


_MAY_EDIT = frozenset(
    {
        Permission.PROJECT_READ,
        Permission.REQUIREMENT_WRITE,
        Permission.TEST_DELETE,
        Permission.TEST_READ,
        Permission.TEST_WRITE,
    }
)


@job(EDIT, queue="jobs", permissions=_MAY_EDIT, timeout_s=900, title="Changing tests", cancel=Permission.TEST_WRITE)
def edit(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Make one change to many tests."""

    def work(scope: Scope, held: Held) -> None:
        with held.finishing(scope):
            apply_edit(scope, held.subject_id, tick=held.tick)

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())


@job(
    ATTACK,
    queue="jobs",
    permissions=frozenset({Permission.PROJECT_READ, Permission.METRIC_READ}),
    timeout_s=3600,
    title="Attack suite",
    cancel=Permission.METRIC_WRITE,
)
def attack(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Try to talk a metric's judge into a better verdict."""
    parts = AttackParts(registry=host.registry, judges=host.judges)

    def work(scope: Scope, held: Held) -> None:
        attack_metric(scope, held, parts)

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())
