"""`python -m benchmarks.faults`: the matrix or the soak, as one table; exit status 1 unless all of it held."""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.faults.bench import Order, perform_all, possible
from benchmarks.faults.cases import FAULTS, MATRIX, SOAK
from benchmarks.faults.drill import Figures, Scale, full_scale
from benchmarks.faults.report import LISTED, figures_for_programs, listing, table, write_docs, write_json

_ROOT = Path(__file__).parents[2]
_JSON = _ROOT / "benchmarks" / "faults.json"
_DOCS = _ROOT / "docs" / "reliability.md"
_SOAK = Scale(items=10_000, lasts_s=100.0, limit=32, is_full=True)


def main() -> int:
    """Perform the drills that are asked for."""
    options = _options()
    names = [SOAK.name] if options.soak else options.only or [fault.name for fault in MATRIX]
    scale = _SOAK if options.soak else full_scale(options.items)
    if options.soak and options.items:
        scale = Scale(items=options.items, lasts_s=options.items / 100, limit=32, is_full=True)
    missing = [name for name in names if not possible(FAULTS[name])]
    for name in missing:
        print(f"{name}: needs the right to mount a disk; try it with `unshare -Urm`", file=sys.stderr)
    orders = [Order(name, seed, scale) for name in names if name not in missing for seed in options.seeds]
    started, done = time.monotonic(), []
    for figures in perform_all(orders, options.jobs):
        done.append(figures)
        _tell(figures, f"{len(done)}/{len(orders)}")
    text = f"{table(done, list(FAULTS))}\n\n{_where(scale, options.seeds, time.monotonic() - started)}"
    print(f"\n{text}")
    write_json(_JSON, figures_for_programs(sorted(done, key=_place), FAULTS), names=set(names))
    if options.write_docs:
        write_docs(_DOCS, text, "soak" if options.soak else "faults")
        write_docs(_DOCS, f"{LISTED}\n{listing(FAULTS.values())}", "list")
    return int(bool(missing) or not all(figures.ok for figures in done))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--items", type=int, default=0, help="tests of each run [default: 2000, with --soak 10000]")
    parser.add_argument("--jobs", type=int, default=2, help="drills at a time [default: 2]")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), metavar="NAME", help="; ".join(FAULTS))
    parser.add_argument("--soak", action="store_true", help="everything at once, one drill at a time")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/reliability.md")
    options = parser.parse_args()
    if options.only and options.write_docs:
        parser.error("the document's table is that of all faults; leave --only out")
    if options.soak:
        options.jobs = 1
    elif not options.items:
        options.items = 2000
    return options


def _tell(figures: Figures, place: str) -> None:
    said = "ok" if figures.ok else "NOT OK: " + "; ".join(figures.problems)
    where = f" (logs: {figures.logs})" if figures.logs else ""
    recovery = "" if figures.recovery_s is None else f", recovery {figures.recovery_s} s"
    print(
        f"{place} {figures.fault}, seed {figures.seed}: {figures.results} of {figures.items} in {figures.wall_s} s"
        f"{recovery}, {figures.extra_calls} extra calls: {said}{where}",
        file=sys.stderr,
        flush=True,
    )


def _place(figures: Figures) -> tuple[int, int]:
    return list(FAULTS).index(figures.fault), figures.seed


def _where(scale: Scale, seeds: list[int], wall_s: float) -> str:
    asked = ["git", "-C", str(_ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return (
        f"{scale.items} tests a run, seeds {', '.join(map(str, seeds))}, {wall_s / 60:.0f} minutes on {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, commit {commit}."
    )


if __name__ == "__main__":
    sys.exit(main())
