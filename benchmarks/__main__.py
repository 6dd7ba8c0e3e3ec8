"""`python -m benchmarks`: measure, print, keep. See docs/performance.md."""

import argparse
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import engine, growth, memory, rates, realistic, start
from benchmarks.figures import ROOT, Figure, keep, markdown
from benchmarks.peers import Peers

Family = Callable[[Path, Peers, bool], Iterator[Figure]]
FAMILIES: dict[str, Family] = {
    "engine": lambda folder, peers, quick: engine.measure(folder, peers, quick=quick),
    "realistic": lambda folder, _, quick: realistic.measure(folder, quick=quick),
    "start": lambda folder, _, quick: start.measure(folder, quick=quick),
    "memory": lambda folder, _, quick: memory.measure(folder, quick=quick),
    "rates": lambda folder, _, quick: rates.measure(folder, quick=quick),
    "growth": lambda folder, _, quick: growth.measure(folder, quick=quick),
}


def main() -> None:
    """Measure the families asked for, one after another; each is kept as soon as it is done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(FAMILIES), help="one family, several times for more")
    parser.add_argument("--quick", action="store_true", help="small sizes, once each; nothing is kept")
    parser.add_argument(
        "--with-peers", action="store_true", help="promptfoo and Inspect AI too, installed when missing"
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".bench", help="where it works [default: .bench]")
    options = parser.parse_args()
    peers = Peers(options.data.absolute() / "peers", options.with_peers)
    for name in options.only or FAMILIES:
        folder = options.data.absolute() / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        began = time.monotonic()
        figures = list(FAMILIES[name](folder, peers, options.quick))
        print(f"\n## {name} ({time.monotonic() - began:.0f} s)\n\n{markdown(figures)}", flush=True)
        if not options.quick:
            keep(name, figures)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
