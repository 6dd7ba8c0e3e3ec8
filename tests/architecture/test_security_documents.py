"""What is said about security is proved by a test that exists, or says why there is none."""

import ast
import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = re.compile(r"(?:tests|plugins)/[\w/]+\.py::test_\w+")
STATES = {"tested", "documented", "operator", "not applicable", "open"}
# of OWASP ASVS 5.0.0, by level
REQUIREMENTS = {"1": 70, "2": 183}


def requirements() -> list[dict[str, str]]:
    """The rows of docs/asvs.csv."""
    with (ROOT / "docs/asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests of a file; none when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    return frozenset(node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.FunctionDef))


def missing(nodes: list[str]) -> list[str]:
    """Those that name no test."""
    parted = (node.partition("::") for node in nodes)
    return [f"{path}::{name}" for path, _, name in parted if name not in names_in(path)]


def test_every_requirement_of_both_levels_is_there_once() -> None:
    rows = requirements()
    assert [one for one, count in Counter(row["id"] for row in rows).items() if count > 1] == []
    assert all(re.fullmatch(r"V\d+\.\d+\.\d+", row["id"]) for row in rows)
    assert Counter(row["level"] for row in rows) == REQUIREMENTS


@pytest.mark.parametrize("row", requirements(), ids=lambda row: row["id"])
def test_a_requirement_has_a_proof_or_a_reason(row: dict[str, str]) -> None:
    evidence = row["evidence"]
    assert row["state"] in STATES
    assert row["requirement"].strip()
    assert evidence.strip()
    if row["state"] == "tested":
        assert missing(evidence.split("; ")) == []
    elif row["state"] == "documented":
        assert (ROOT / evidence).is_file()
    else:
        assert evidence.endswith(".")


def test_every_proof_of_the_threat_model_exists() -> None:
    nodes = NODE.findall((ROOT / "docs/security.md").read_text("utf-8"))
    assert len(nodes) >= 40
    assert missing(nodes) == []


def test_every_control_names_its_proof() -> None:
    text = (ROOT / "docs/security.md").read_text("utf-8")
    part = text[text.index("## Controls") :].partition("\n## ")[0]
    controls = [line for line in part.split("\n") if line.startswith("| ") and not line.startswith("| control ")]
    assert len(controls) >= 30
    assert [row for row in controls if not NODE.search(row)] == []


def test_the_check_of_proofs_sees_what_is_missing() -> None:
    assert missing(["tests/auth/test_tokens.py::test_that_nobody_wrote", "tests/nowhere.py::test_x"]) == [
        "tests/auth/test_tokens.py::test_that_nobody_wrote", "tests/nowhere.py::test_x",
    ]  # fmt: skip
