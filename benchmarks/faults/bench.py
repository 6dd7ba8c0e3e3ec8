"""Performing many drills: a few at a time, each process with one site that it keeps as long as all goes well."""

import atexit
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import urllib3

from benchmarks.faults.cases import FAULTS
from benchmarks.faults.drill import Drill, Fault, Figures, Scale
from benchmarks.faults.people import Tenant
from benchmarks.faults.site import Site, can_mount


@dataclass(frozen=True, slots=True)
class Order:
    """One drill to be performed."""

    fault: str
    seed: int
    scale: Scale


class Ground:
    """Where drills are performed one after the other; a failed one leaves its logs behind, and the next one gets a new site."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._site: Site | None = None
        self._tenant: Tenant | None = None

    def perform(self, order: Order) -> Figures:
        """One drill. What goes wrong is told in its figures."""
        fault = FAULTS[order.fault]
        if fault.is_alone:
            self.close()
        started = time.monotonic()
        figures = self._tried(fault, order)
        figures.wall_s = figures.wall_s or round(time.monotonic() - started, 1)
        if not figures.ok and self._site is not None:
            figures.logs = str(self._site.place)
        if fault.is_alone or not figures.ok:
            self.close(keep=not figures.ok)
        return figures

    def close(self, *, keep: bool = False) -> None:
        """End everything; the folder goes as well, unless it is to be looked at."""
        place = self._site.place if self._site is not None else None
        self._stack.close()
        self._site = self._tenant = None
        if place is not None and not keep:
            shutil.rmtree(place, ignore_errors=True)

    def _tried(self, fault: Fault, order: Order) -> Figures:
        drill: Drill | None = None
        try:
            site, tenant = self._stand(fault)
            drill = Drill(site, tenant, fault, order.scale, order.seed)
            return drill.perform()
        except (AssertionError, LookupError, OSError, psycopg2.Error, urllib3.exceptions.HTTPError) as problem:
            figures = drill.figures if drill else Figures(fault=fault.name, seed=order.seed, items=order.scale.items)
            figures.problems.append(f"{type(problem).__name__}: {problem}")
            return figures

    def _stand(self, fault: Fault) -> tuple[Site, Tenant]:
        if self._site is None or self._tenant is None:
            self._site = self._stack.enter_context(fault.site(Path(tempfile.mkdtemp(prefix="faults-"))))
            self._tenant = self._stack.enter_context(Tenant(self._site))
        return self._site, self._tenant


_ground: list[Ground] = []


def _perform_here(order: Order) -> Figures:
    """In a process of the pool, on its own ground."""
    if not _ground:
        _ground.append(Ground())
        atexit.register(_ground[0].close)
    return _ground[0].perform(order)


def perform_all(orders: Sequence[Order], jobs: int) -> Iterator[Figures]:
    """Perform drills, `jobs` at a time; their figures as they come."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        for done in as_completed([pool.submit(_perform_here, order) for order in orders]):
            yield done.result()


def possible(fault: Fault) -> bool:
    """Whether a fault can be had on this machine."""
    return not fault.is_alone or can_mount()
