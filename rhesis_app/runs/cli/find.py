"""From the names that are typed to the ids that the API takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click

from rhesis_app.infra.remote import Server

_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What to run, by id, with the names that are said."""

    project_slug: str
    test_set_id: str
    endpoint_id: str
    metric_ids: tuple[str, ...]
    gate_ids: tuple[str, ...]
    recording_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What was typed: names or ids."""

    project: str | None
    test_set: str
    endpoint: str
    metrics: tuple[str, ...]
    gates: tuple[str, ...]
    recording: str | None


def find(server: Server, named: Named) -> Found:
    """Look everything up before anything is started. Raises click.UsageError that lists what there is."""
    project = _project(server, named.project)
    here = {"project_id": project["id"]}
    gates = list(server.every("/gates", **here)) if named.gates else []
    metrics = list(server.every("/metrics", **here)) if named.metrics else []
    return Found(
        project_slug=project["slug"],
        test_set_id=_one(server.every("/test-sets", **here), named.test_set, "test set", "--set"),
        endpoint_id=_one(server.every("/endpoints", **here), named.endpoint, "endpoint", "--endpoint"),
        metric_ids=tuple(_one(metrics, name, "metric", "--metric") for name in named.metrics),
        gate_ids=tuple(dict.fromkeys(_one(gates, name, "gate", "--gate") for name in named.gates)),
        recording_id=_recording(server, here, named.recording) if named.recording else None,
    )


def _recording(server: Server, here: Mapping[str, str], wanted: str) -> str:
    number = wanted.removeprefix("#")
    if not number.isdecimal():
        return wanted  # an id, which the server knows or refuses
    found = next(iter(server.every("/test-runs", **here, number=number)), None)
    if found is None:
        raise click.UsageError(f"--recording: there is no run #{number} in this project.")
    return str(found["id"])


def _project(server: Server, wanted: str | None) -> Mapping[str, Any]:
    known = [one for one in server.every("/projects") if not one.get("is_archived")]
    if wanted is None:
        if len(known) == 1:
            return dict(known[0])
        raise click.UsageError(f"Say which project: --project NAME. {_there_are(known, 'project')}")
    for one in known:
        if wanted in (one["id"], one["slug"], one["name"]):
            return dict(one)
    raise click.UsageError(f"There is no project “{wanted}” that this token may read. {_there_are(known, 'project')}")


def _one(rows: Iterable[Mapping[str, Any]], wanted: str, what: str, option: str) -> str:
    known = list(rows)
    by_name = [one["id"] for one in known if one["name"] == wanted]
    found = by_name or [one["id"] for one in known if _is_id(wanted, one["id"])]
    found = found or [one["id"] for one in known if one["name"].casefold() == wanted.casefold()]
    if found:
        return str(found[0])
    raise click.UsageError(f"{option}: there is no {what} “{wanted}” in this project. {_there_are(known, what)}")


def _is_id(wanted: str, known: str) -> bool:
    try:
        return UUID(wanted) == UUID(known)
    except ValueError:
        return False


def _there_are(known: Iterable[Mapping[str, Any]], what: str) -> str:
    names = sorted(one["name"] for one in known)
    if not names:
        return f"There is no {what} at all."
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"There are: {', '.join(names[:_SHOWN])}{more}."
