"""The API against its own document: requests that schemathesis makes from it, and what it finds wrong with the answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from schemathesis.config import (
    CacheConfig,
    CoveragePhaseConfig,
    FuzzingPhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import Status, events, from_schema

from tests.served import served

DOCUMENT = "/api/openapi.json"
EXAMPLES = 6
"""Fuzzed requests of each operation, and sequences of the stateful phase for each link."""
# a rule that JSON Schema cannot say is 422 as well (a name that is taken, a wrong cron line), and 400 a cursor that is not ours
TAKEN_OR_RULED_OUT = ["2xx", "3xx", "400", "401", "403", "404", "409", "413", "422", "429"]
_MINE = "Bearer whoever-it-is"


class Current:
    """The application as one principal calls it; when they take their own access away, the next one follows them."""

    def __init__(self, app: Flask, make: Callable[[], str] | None) -> None:
        self._app, self._make = app, make
        self.made = 0
        self._is_doubtful = False
        self._credential = self._next()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """WSGI: what schemathesis sends as its own credential becomes the one that counts now."""
        if environ.get("HTTP_AUTHORIZATION") == _MINE:
            if self._is_doubtful and not self._counts():
                self._credential = self._next()
            environ["HTTP_AUTHORIZATION"] = f"Bearer {self._credential}"

        def starting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._is_doubtful = self._is_doubtful or status.startswith("401")
            return start_response(status, headers, *rest)

        return self._app.wsgi_app(environ, starting)

    def _counts(self) -> bool:
        """Whether the credential still is one; a 401 may have been about a password."""
        self._is_doubtful = False
        answer = self._app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {self._credential}"})
        return answer.status_code == 200

    def _next(self) -> str:
        self.made += 1
        return self._make() if self._make is not None else ""


@dataclass
class Found:
    """What a run of the engine came to."""

    operations: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    requests: int = 0
    server_errors: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Check and operation → the first request that failed it, with what was wrong."""
    errors: list[str] = field(default_factory=list)


def explore(app: Flask, make: Callable[[], str] | None, *, seed: int) -> Found:
    """Examples, coverage, fuzzing and stateful phases of all operations as one principal; without `make`, as nobody."""
    caller = Current(app, make)
    # over HTTP: the engine hands its client's options to a WSGI client too, which knows none of them
    with served(caller) as url:
        schema = schemathesis.openapi.from_url(url + DOCUMENT, config=_config(seed, signed_in=make is not None))
        found = Found(operations={one.ok().label for one in schema.get_all_operations()})
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _add(found, event)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                said = event.value if isinstance(event, events.NonFatalError) else event.exception
                found.errors.append(f"{getattr(event, 'label', '')}: {said}"[:300])
    return found


def _config(seed: int, *, signed_in: bool) -> SchemathesisConfig:
    generation = GenerationConfig(max_examples=EXAMPLES, no_shrink=True)
    project = ProjectConfig(
        headers={"Authorization": _MINE} if signed_in else None,
        generation=generation,
        continue_on_failure=True,
        request_timeout=120,
        phases=PhasesConfig(
            coverage=CoveragePhaseConfig(),
            fuzzing=FuzzingPhaseConfig(generation=generation),
            stateful=StatefulPhaseConfig(generation=generation),
        ),
    )
    project.checks.positive_data_acceptance = PositiveDataAcceptanceConfig(expected_statuses=TAKEN_OR_RULED_OUT)
    return SchemathesisConfig(seed=seed, cache=CacheConfig(enabled=False), projects=ProjectsConfig(default=project))


def _add(found: Found, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    for case_id, interaction in recorder.interactions.items():
        found.requests += 1
        found.asked.add(recorder.cases[case_id].value.operation.label)
        answer = interaction.response
        found.server_errors += answer is not None and answer.status_code >= 500
    for case_id, checks in recorder.checks.items():
        label = recorder.cases[case_id].value.operation.label
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                said = re.sub(r"\s+", " ", f"{failure.title}: {failure.message}")[:400]
                answer = recorder.find_response(case_id=case_id)
                status = answer.status_code if answer is not None else "nothing"
                sample = check.failure_info.code_sample[:300]
                found.failures.setdefault(f"{check.name} {label}", f"{status} {said} {sample}")


def told(failures: dict[str, str]) -> list[str]:
    """All failures, one in each line."""
    return [f"{name} → {said}" for name, said in sorted(failures.items())]
