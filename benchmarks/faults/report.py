"""What is told of the drills: a table for people, figures for programs."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.faults.drill import Fault, Figures

LISTED = "| fault | what happens |\n|---|---|"
_HEAD = (
    "| fault | seeds | results | duplicates | wrong verdicts | extra calls | in flight / limit | recovery s | ok |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def table(figures: Iterable[Figures], order: Sequence[str]) -> str:
    """A Markdown table with a row for each fault; of several seeds the worst."""
    by_fault: dict[str, list[Figures]] = {}
    for one in figures:
        by_fault.setdefault(one.fault, []).append(one)
    rows = [_row(name, by_fault[name]) for name in order if name in by_fault]
    return "\n".join([_HEAD, *rows])


def listing(faults: Iterable[Fault]) -> str:
    """Rows of a Markdown table that say what each fault does."""
    return "\n".join(f"| {fault.name} | {fault.says} |" for fault in faults)


def _row(name: str, drills: list[Figures]) -> str:
    known = [one.recovery_s for one in drills if one.recovery_s is not None]
    cells = [
        name,
        str(len(drills)),
        f"{sum(one.results for one in drills)} of {sum(one.items for one in drills)}",
        str(sum(one.duplicates for one in drills)),
        _wrong(drills),
        _span([one.extra_calls for one in drills]),
        f"{max(one.in_flight for one in drills)} / {max(one.limit for one in drills)}",
        f"{max(known):.1f}" if known else "–",
        "yes" if all(one.ok for one in drills) else "**no**",
    ]
    return f"| {' | '.join(cells)} |"


def _wrong(drills: list[Figures]) -> str:
    lost = sum(one.lost for one in drills)
    return f"{sum(one.wrong for one in drills)}" + (f" ({lost} `worker_lost`)" if lost else "")


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def figures_for_programs(figures: Iterable[Figures], faults: dict[str, Fault]) -> list[dict[str, Any]]:
    """`[{"name", "value", "target", "ok", "method"}]`, a few for each fault and seed."""
    return [entry for one in figures for entry in _entries(one, faults[one.fault])]


def _entries(one: Figures, fault: Fault) -> list[dict[str, Any]]:
    measured: list[tuple[str, Any, Any, bool, str]] = [
        (
            "results",
            one.results,
            one.items if not fault.is_cut else f"{one.items} with those cancelled",
            one.ok or not one.problems,
            "rows of test_result of the run",
        ),
        ("duplicates", one.duplicates, 0, one.duplicates == 0, "results less different pairs of test and trial"),
        (
            "wrong verdicts",
            one.wrong,
            0,
            one.wrong == 0,
            "results whose outcome is not the one known from the question",
        ),
        (
            "killed in all three calls",
            one.lost,
            None,
            True,
            "results `worker_lost` of tests whose three calls the endpoint counted, under kills at random",
        ),
        ("extra calls", one.extra_calls, None, True, "calls that the endpoint counted, less the run's tests"),
        (
            "calls per test",
            one.most_per_test,
            fault.most_calls,
            one.most_per_test <= fault.most_calls,
            "the most calls under one Idempotency-Key, without those that were throttled",
        ),
        (
            "in flight",
            one.in_flight,
            one.limit,
            one.in_flight <= one.limit,
            "the most calls at once that the endpoint saw a client wait for",
        ),
        (
            "recovery s",
            one.recovery_s,
            one.recovers_in_s,
            one.recovery_s is None or one.recovery_s <= one.recovers_in_s,
            "from the end of the fault to the next result that was written, by the database's clock",
        ),
        (
            "invariants broken",
            len(one.broken),
            0,
            not one.broken,
            "queries of invariants.sql with rows, each second and at the end",
        ),
    ]
    entries = [
        {"name": f"{one.fault}, seed {one.seed}: {name}", "value": value, "target": target, "ok": ok, "method": method}
        for name, value, target, ok, method in measured
    ]
    entries.append(
        {
            "name": f"{one.fault}, seed {one.seed}: all of it",
            "value": "; ".join(one.problems) or "holds",
            "target": "holds",
            "ok": one.ok,
            "method": fault.says,
        }
    )
    return entries


def write_json(path: Path, entries: list[dict[str, Any]], *, names: set[str]) -> None:
    """Write entries; those of other faults that are in the file already stay."""
    kept: list[dict[str, Any]] = []
    if path.exists():
        kept = [entry for entry in json.loads(path.read_text("utf-8")) if entry["name"].partition(",")[0] not in names]
    path.write_text(json.dumps(kept + entries, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_docs(path: Path, text: str, section: str) -> None:
    """Put a text between the markers of a section of a document."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, _, rest = path.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
