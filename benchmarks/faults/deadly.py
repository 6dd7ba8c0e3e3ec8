"""An evaluator that kills its process at some tests: what a third party's plugin can do to a worker."""

import ctypes
import os
import re
import signal
from pathlib import Path

from rhesis_app.sdk import Binary, Evaluator, EvaluatorSpec, NoParams, Sample, Score, Tools, hookimpl

DEATHS = 5
"""How many tests of a run kill their process."""
DEADLY = "die"
"""The expected answer of a test that kills."""
_DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: rhesis-faults\nVersion: 1.0\n",
    "entry_points.txt": "[rhesis_app.plugins.v1]\nfaults = benchmarks.faults.deadly\n",
}
_WAYS = (
    lambda: os._exit(1),
    lambda: os.kill(os.getpid(), signal.SIGKILL),
    lambda: ctypes.string_at(0),
    os.abort,
    lambda: os._exit(0),
)


def poisoned(items: int) -> frozenset[int]:
    """The numbers of the questions that kill, spread over a run of `items`."""
    return frozenset(items // DEATHS * place + place + 3 for place in range(DEATHS))


def install(folder: Path) -> Path:
    """Make the plugin known to processes that have `folder` on their path."""
    info = folder / "rhesis_faults-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    for name, text in _DIST_INFO.items():
        (info / name).write_text(text, "utf-8")
    return folder


def _build(_params: NoParams, _tools: Tools) -> Evaluator:
    def judge(sample: Sample) -> Score:
        if sample.reference == DEADLY:
            found = re.search(r"\d+", sample.prompt)
            _WAYS[int(found[0]) % len(_WAYS) if found else 0]()
        return Score.of(sample.output == sample.reference, "Compared with what is expected.")

    return judge


@hookimpl
def register_evaluators() -> tuple[EvaluatorSpec, ...]:
    """The one that kills."""
    return (
        EvaluatorSpec(
            key="faults.deadly",
            title="Deadly",
            summary="Compares, and kills its process where a test expects it.",
            params=NoParams,
            build=_build,
            scale=Binary(),
        ),
    )
