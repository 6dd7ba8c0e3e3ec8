"""Background jobs by name: what a context declares and the worker performs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from rhesis_app.kernel.permissions import Permission

Perform = Callable[..., None]
MARK = "job_spec"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A named job: which queue it waits in, what it may do, and how long it may take before the queue gives it up.

    One that stands in a row of its own also has a `title` for people, and the permission that cancelling it takes;
    with None only who asked for it may cancel it.
    """

    name: str
    queue: str
    permissions: frozenset[Permission]
    timeout_s: int
    perform: Perform
    title: str = ""
    cancel: Permission | None = None


def job(name: str, *, queue: str, permissions: frozenset[Permission], **more: Any) -> Callable[[Perform], Perform]:
    """Mark a function of a context's `jobs.py`: it takes the runtime, a scope and ids as text, and makes one action call.

    `more` are further fields of JobSpec: `timeout_s` (300 when left out), `title`, `cancel`.
    """

    def mark(function: Perform) -> Perform:
        given = {"timeout_s": 300, **more}
        spec = JobSpec(name=name, queue=queue, permissions=permissions, perform=function, **given)
        setattr(function, MARK, spec)
        return function

    return mark


def collect_jobs(*modules: ModuleType) -> Mapping[str, JobSpec]:
    """The jobs these modules declare, by name."""
    marked: list[Any] = [getattr(value, MARK, None) for module in modules for value in vars(module).values()]
    return {spec.name: spec for spec in marked if isinstance(spec, JobSpec)}
