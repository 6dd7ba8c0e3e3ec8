"""A plugin that listens is told of every ended run, whatever becomes of Redis and of other plugins."""

from dataclasses import replace

import pytest

from rhesis_app.app import _listeners
from rhesis_app.infra.runtime import Runtime
from rhesis_app.notifications.models import Job
from rhesis_app.sdk import RunSummary
from tests.background import do_jobs
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply


def finished(alice: Person) -> World:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [("Question", "yes")])
        drive(world, world.start())
    return world


def test_it_is_told_although_redis_was_emptied(alice: Person, host: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[RunSummary] = []

    def breaks(_summary: RunSummary) -> None:
        raise RuntimeError

    registry = replace(host.registry, listeners={"a": breaks, "b": told.append})
    monkeypatch.setattr(host, "registry", registry)
    monkeypatch.setattr(host, "listeners", _listeners(registry))
    finished(alice)
    host.queue.redis.flushall()
    assert do_jobs(alice) == 1
    (summary,) = told
    assert (summary.number, summary.outcome, summary.finding) == (1, "passed", "The one test with a verdict passed.")
    assert do_jobs(alice) == 0


def test_where_nobody_listens_nothing_is_kept(alice: Person) -> None:
    finished(alice)
    assert alice.count(Job) == 0
