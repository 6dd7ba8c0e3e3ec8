"""`rhesis-app audit`: check the seals of the audit log."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rhesis_app.infra.runtime import Runtime
    from rhesis_app.tenancy.queries.audit_seals import AuditCheck

OpenHost = Callable[[], "Runtime"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def audit() -> None:
    """Who did what: the log that is only ever added to."""


@audit.command()
@click.option("--organization", help="Of this one alone: its id or its slug.")
@click.pass_obj
def verify(open_host: OpenHost, *, organization: str | None) -> None:
    """Hash every sealed batch anew; exits with 1 and names the first batch that does not hold."""
    from rhesis_app.tenancy.queries.audit_seals import check_audits

    checks = list(check_audits(open_host(), organization))
    if organization is not None and not checks:
        raise click.ClickException(f"There is no organization {organization} with an audit log.")
    for check in checks:
        click.echo(_said(check))
    sys.exit(1 if any(check.broken for check in checks) else 0)


def _said(check: "AuditCheck") -> str:
    held = f"{check.batches} batches with {check.entries} entries hold"
    if check.pruned:
        held += f", {check.pruned} of them deleted for their age"
    if check.broken is not None:
        return f"FAIL {check.organization}: batch {check.broken.number} does not hold: {check.broken.reason}. Before it {held}."
    last = f" The last hash is {check.last_hash}." if check.last_hash else ""
    return f"ok   {check.organization}: {held}; {check.waiting} entries wait for their seal.{last}"
