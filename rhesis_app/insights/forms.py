"""The forms of gates and the address of a comparison, parsed into the use cases' arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from rhesis_app.insights.rules.changes import Change
from rhesis_app.insights.rules.gates import FIELDS, PREVIOUS, Kind, bounds_of
from rhesis_app.kernel.errors import Invalid

TABS: Mapping[str, tuple[str, tuple[Change, ...]]] = {
    "broken": ("Broken", (Change.BROKEN,)),
    "fixed": ("Fixed", (Change.FIXED,)),
    "still_failed": ("Failed in both", (Change.STILL_FAILED,)),
    "still_passed": ("Passed in both", (Change.STILL_PASSED,)),
    "left_out": ("Left out", (Change.UNDECIDED, Change.EDITED)),
    "only": ("Only in one", (Change.ONLY_BASELINE, Change.ONLY_CANDIDATE)),
}
"""What the page of a comparison lists, by the name in its address."""
_SHARES = ("at_least", "confidence", "max_error_rate", "margin", "at_most")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateForm:
    """A gate as its form holds it: shares as percentages in text."""

    name: str = ""
    kind: str = str(Kind.PASS_RATE)
    values: Mapping[str, str]
    etag: str = ""


def gate_form(sent: MultiDict[str, str]) -> GateForm:
    """What was typed; fields that were not sent hold their defaults."""
    kind = sent.get("kind", "")
    kind = kind if kind in set(Kind) else str(Kind.PASS_RATE)
    values = _in_text(FIELDS[Kind(kind)])
    values |= {name: sent[name].strip() for name in values if name in sent}
    return GateForm(name=sent.get("name", ""), kind=kind, values=values, etag=sent.get("etag", ""))


def form_of(name: str, rule: Mapping[str, Any], etag: str) -> GateForm:
    """A stored gate as its form."""
    values = _in_text({key: value for key, value in rule.items() if key != "kind"})
    return GateForm(name=name, kind=rule["kind"], values=values, etag=etag)


def rule_of(form: GateForm) -> dict[str, Any]:
    """The form's rule. Invalid at a percentage that is no number or out of its bounds."""
    rule: dict[str, Any] = {"kind": form.kind}
    for name, text in form.values.items():
        rule[name] = _share(name, text) if name in _SHARES else (text or PREVIOUS if name == "baseline" else text)
    return rule


def _share(name: str, text: str) -> float:
    low, high = bounds_of(name)
    try:
        share = round(float(text.replace(",", ".").removesuffix("%")) / 100, 6)
    except ValueError:
        share = -1.0
    if not low <= share <= high:
        raise Invalid.field(name, f"Give a percentage from {low * 100:g} to {high * 100:g}.")
    return share


def _in_text(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{value * 100:g}" if name in _SHARES else str(value) for name, value in values.items()}
