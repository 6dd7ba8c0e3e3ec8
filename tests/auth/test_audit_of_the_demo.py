"""The demonstration's audit log goes with it; that it was removed stands where whoever did it belongs besides."""

from dataclasses import replace

from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.tenancy.actions.audit import seal_audit
from rhesis_app.tenancy.actions.organizations import found_another
from rhesis_app.tenancy.models import AuditEntry
from tests.pages.demo.test_removing_the_demo import make_owner


def test_a_sealed_log_is_erased_whole(app: Flask, host: Runtime, superuser: Engine) -> None:
    owner = make_owner(app, host)
    assert seal_audit(host, waited_s=0) > 0
    assert owner.web.post("/demo/remove").status_code == 303
    with superuser.connect() as connection:
        left = "SELECT (SELECT count(*) FROM audit_entry) + (SELECT count(*) FROM audit_seal)"
        assert connection.execute(text(left)).scalar_one() == 0


def test_the_removal_stands_in_the_other_organization_of_whoever_did_it(app: Flask, host: Runtime) -> None:
    owner = make_owner(app, host)
    demo = owner.actor.organization_id
    with owner.scope() as scope:
        other = found_another(host, scope, "Mine")
    assert owner.web.post("/demo/remove").status_code == 303
    elsewhere = replace(owner, actor=replace(owner.actor, organization_id=other))
    assert elsewhere.count(AuditEntry, action="demo.remove", object_id=demo, user_id=owner.actor.user_id) == 1
