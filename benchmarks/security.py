"""How well the product holds against what is done to it on purpose: the figures that tests drop, for `make security`."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.figures import ROOT, Figure, machine, markdown

LATEST = ROOT / "benchmarks" / "security.json"
DOCUMENT = ROOT / "docs" / "security-figures.md"
_BLOCK = re.compile(r"<!-- figures -->\n.*?<!-- /figures -->\n", re.DOTALL)


def main(arguments: Sequence[str]) -> int:
    """Run the proofs, or those at these paths, keep what they found and print it; 1 when a test fails or a figure misses."""
    with tempfile.TemporaryDirectory() as folder:
        dropped = Path(folder) / "figures.jsonl"
        command = [sys.executable, "-m", "pytest", "-q", f"--figures={dropped}", *arguments]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        found = read(dropped)
    # with paths, what the others found last time stays
    before = _latest() if arguments else []
    figures = sorted({one.name: one for one in (*before, *found)}.values(), key=lambda one: one.name)
    keep(figures)
    print(table(figures))
    missed = [one.name for one in figures if one.ok is False]
    print(f"\n{len(figures)} figures, {len(missed)} missed; the tests {'failed' if status else 'passed'}")
    return 1 if status or missed or not found else 0


def read(dropped: Path) -> list[Figure]:
    """What the tests dropped, a line of JSON for each figure."""
    if not dropped.exists():
        return []
    return [Figure(**json.loads(line)) for line in dropped.read_text(encoding="utf-8").splitlines()]


def keep(figures: Sequence[Figure]) -> None:
    """As JSON for scripts, and between the markers of the document for people."""
    rows = json.dumps([asdict(one) for one in figures], indent=1, ensure_ascii=False)
    LATEST.write_text(rows + "\n", encoding="utf-8")
    families = list(dict.fromkeys(one.family for one in figures))
    parts = [
        f"## {name.capitalize()}\n\n{markdown([one for one in figures if one.family == name])}" for name in families
    ]
    body = "\n".join([f"{machine()}\n", *parts])
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_BLOCK.sub(lambda _: f"<!-- figures -->\n{body}<!-- /figures -->\n", text), encoding="utf-8")


def table(figures: Sequence[Figure]) -> str:
    """One line for each figure."""
    width = max((len(one.name) for one in figures), default=0)
    marks = {None: "", True: "met", False: "MISSED"}
    return "\n".join(
        f"{one.name:<{width}}  {'–' if one.value is None else f'{one.value:,.6g}':>10}  "
        f"{one.target or '':>8}  {marks[one.ok]}"
        for one in figures
    )


def _latest() -> list[Figure]:
    return [Figure(**one) for one in json.loads(LATEST.read_text(encoding="utf-8"))] if LATEST.exists() else []


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
