"""Background work of messages: ids in, one action call."""

from uuid import UUID

from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.stopping import stop_on_sigterm
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.announce import SEND
from rhesis_app.notifications.actions.background import Held, perform
from rhesis_app.notifications.actions.deliver import deliver


@job(SEND, queue="jobs", permissions=frozenset(), timeout_s=600, title="E-mail")
def send(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Hand a job's messages over."""

    def work(scope: Scope, held: Held) -> None:
        deliver(scope, held, host.post, site=host.settings.site_url)

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())
