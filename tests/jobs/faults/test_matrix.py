"""Every fault of the matrix, short, on real servers and processes; `make faults` does the same at length."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.faults.bench import possible
from benchmarks.faults.cases import MATRIX
from benchmarks.faults.drill import SHORT, Drill, Fault
from benchmarks.faults.people import Tenant
from benchmarks.faults.site import Site

SHARED = [fault for fault in MATRIX if not fault.is_alone]
ALONE = [fault for fault in MATRIX if fault.is_alone]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Tenant]]:
    with Site(tmp_path_factory.mktemp("faults")) as site, Tenant(site) as tenant:
        yield site, tenant


def drilled(site: Site, tenant: Tenant, fault: Fault) -> None:
    figures = Drill(site, tenant, fault, SHORT, seed=1).perform()
    assert figures.problems == []


@pytest.mark.parametrize("fault", SHARED, ids=lambda fault: fault.name)
def test_a_run_under_a_fault_ends_with_all_its_results(ground: tuple[Site, Tenant], fault: Fault) -> None:
    drilled(*ground, fault)


@pytest.mark.parametrize("fault", ALONE, ids=lambda fault: fault.name)
def test_so_does_one_on_a_site_of_its_own(tmp_path: Path, fault: Fault) -> None:
    if not possible(fault):
        pytest.skip("this fault needs the right to mount a disk")
    with ExitStack() as stack:
        site = stack.enter_context(fault.site(tmp_path))
        drilled(site, stack.enter_context(Tenant(site)), fault)
