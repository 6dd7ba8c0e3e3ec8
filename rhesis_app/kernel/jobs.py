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
    """A named job: which queue it waits in, what it may do, and how long it may take before the queue gives it up."""

    name: str
    queue: str
    permissions: frozenset[Permission]
    timeout_s: int
    perform: Perform


def job(
    name: str, *, queue: str, permissions: frozenset[Permission], timeout_s: int = 300
) -> Callable[[Perform], Perform]:
    """Mark a function of a context's `jobs.py`: it takes the runtime, a scope and ids as text, and makes one action call."""

    def mark(function: Perform) -> Perform:
        spec = JobSpec(name=name, queue=queue, permissions=permissions, timeout_s=timeout_s, perform=function)
        setattr(function, MARK, spec)
        return function

    return mark


def collect_jobs(*modules: ModuleType) -> Mapping[str, JobSpec]:
    """The jobs these modules declare, by name."""
    marked: list[Any] = [getattr(value, MARK, None) for module in modules for value in vars(module).values()]
    return {spec.name: spec for spec in marked if isinstance(spec, JobSpec)}
