"""Gates: claims about a run that pass, fail or are undecided. Rules are parsed here and nowhere else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from rhesis_app.insights.rules.changes import Changes
from rhesis_app.kernel.errors import Invalid
from rhesis_app.scoring.stats import claim_rate
from rhesis_app.sdk import Totals

PREVIOUS: Final = "previous"
ERROR_BUDGET: Final = 0.02
CONFIDENCE: Final = 0.95
MARGIN: Final = 0.05
MAX_TAG: Final = 60


class Decision(StrEnum):
    """What a gate says of a run."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


class Kind(StrEnum):
    """What a gate claims."""

    PASS_RATE = "pass_rate"  # noqa: S105 a kind of gate
    NO_REGRESSION = "no_regression"
    NO_FAILED_TAG = "no_failed_tag"
    ERROR_RATE = "error_rate"


FIELDS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.PASS_RATE: {"at_least": 0.9, "confidence": CONFIDENCE, "max_error_rate": ERROR_BUDGET},
    Kind.NO_REGRESSION: {
        "baseline": PREVIOUS,
        "margin": MARGIN,
        "confidence": CONFIDENCE,
        "max_error_rate": ERROR_BUDGET,
    },
    Kind.NO_FAILED_TAG: {"tag": "", "max_error_rate": ERROR_BUDGET},
    Kind.ERROR_RATE: {"at_most": ERROR_BUDGET},
}
"""The fields of each kind with their defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The results of a run whose tests carry a tag, by outcome; `pending` have none."""

    passed: int = 0
    failed: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What gates decide on: the run's totals, and what the kind asks for besides.

    `chosen` says, where an outcome chose the run's tests, why these certify nothing.
    """

    totals: Totals
    tagged: Tagged | None = None
    baseline_number: int | None = None
    changes: Changes | None = None
    incomparable: str = ""
    chosen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision with the numbers it rests on; `sentence` says both in words."""

    decision: Decision
    sentence: str
    numbers: dict[str, Any]


def check_rule(rule: Any) -> dict[str, Any]:
    """A rule with its defaults filled in. Invalid at the field `rule` that says what is wrong."""
    if not isinstance(rule, Mapping):
        raise Invalid.field("rule", "Send the rule as an object with a kind.")
    kinds = ", ".join(Kind)
    try:
        kind = Kind(str(rule.get("kind", "")))
    except ValueError:
        raise Invalid.field("rule", f"Choose a kind: {kinds}.") from None
    known = FIELDS[kind]
    unknown = sorted(set(rule) - set(known) - {"kind"})
    if unknown:
        raise Invalid.field("rule", f"{kind} has no {', '.join(unknown)}. It takes: {', '.join(known)}.")
    return {"kind": str(kind)} | {name: _checked(name, rule.get(name, known[name])) for name in known}


def decide(rule: Mapping[str, Any], evidence: Evidence) -> Decided:
    """What the rule says of the run. Past its error budget nothing is certified; a failed tagged test stays a failure."""
    kind = Kind(rule["kind"])
    numbers = _budget(rule, evidence.totals)
    if kind is Kind.NO_FAILED_TAG and evidence.tagged and evidence.tagged.failed:
        return _failed_tag(rule, evidence.tagged, numbers)
    if evidence.chosen:
        return Decided(decision=Decision.UNDECIDED, sentence=evidence.chosen, numbers=numbers)
    if kind is Kind.ERROR_RATE:
        return _error_rate(rule, numbers)
    if numbers["left_out_rate"] > rule["max_error_rate"]:
        sentence = (
            f"{numbers['left_out']} of {numbers['planned']} tests have no verdict, more than the"
            f" {_tenths(rule['max_error_rate'])} that this gate allows: run them again."
        )
        return Decided(decision=Decision.UNDECIDED, sentence=sentence, numbers=numbers)
    if kind is Kind.PASS_RATE:
        return _pass_rate(rule, evidence.totals, numbers)
    if kind is Kind.NO_FAILED_TAG:
        return _no_failed_tag(rule, evidence.tagged or Tagged(), numbers)
    return _no_regression(rule, evidence, numbers)


def words_of(rule: Mapping[str, Any]) -> str:
    """The claim in a few words, such as `≥ 90 % at 95 %`."""
    kind = Kind(rule["kind"])
    if kind is Kind.PASS_RATE:
        return f"≥ {_percent(rule['at_least'])} at {_percent(rule['confidence'])}"
    if kind is Kind.NO_REGRESSION:
        against = "the run before" if rule["baseline"] == PREVIOUS else "a fixed baseline"
        return f"not {_percent(rule['margin'])} worse than {against}"
    if kind is Kind.NO_FAILED_TAG:
        return f"no failed test tagged {rule['tag']}"
    return f"≤ {_percent(rule['at_most'])} without a verdict"


def _budget(rule: Mapping[str, Any], totals: Totals) -> dict[str, Any]:
    left_out = totals.error + totals.unscored + totals.cancelled + totals.pending
    return {
        "planned": totals.planned,
        "passed": totals.passed,
        "failed": totals.failed,
        "left_out": left_out,
        "left_out_rate": left_out / totals.planned,
        "max_error_rate": rule.get("max_error_rate", rule.get("at_most")),
    }


def _error_rate(rule: Mapping[str, Any], numbers: dict[str, Any]) -> Decided:
    is_within = numbers["left_out_rate"] <= rule["at_most"]
    sentence = (
        f"{numbers['left_out']} of {numbers['planned']} tests have no verdict, {_tenths(numbers['left_out_rate'])};"
        f" at most {_tenths(rule['at_most'])} is allowed."
    )
    return Decided(decision=Decision.PASSED if is_within else Decision.FAILED, sentence=sentence, numbers=numbers)


def _pass_rate(rule: Mapping[str, Any], totals: Totals, numbers: dict[str, Any]) -> Decided:
    n = totals.passed + totals.failed
    claim = claim_rate(totals.passed, n, rule["at_least"], rule["confidence"])
    numbers |= {"n": n, "low": claim.low, "high": claim.high, "at_least": rule["at_least"], "more": claim.more}
    wanted, sure = _percent(rule["at_least"]), _percent(rule["confidence"])
    counted = f"{totals.passed} of {n} passed"
    if claim.decision == "passed":
        sentence = f"{counted}: at {sure} confidence at least {_tenths(claim.low)}, which clears {wanted}."
    elif claim.decision == "failed":
        sentence = f"{counted}: at {sure} confidence at most {_tenths(claim.high)}, which is below {wanted}."
    else:
        sentence = f"{counted}: at {sure} confidence between {_tenths(claim.low)} and {_tenths(claim.high)}, on both sides of {wanted}."
        if claim.more:
            sentence += f" Needs about {claim.more:,} more at this rate."
    return Decided(decision=Decision(claim.decision), sentence=sentence, numbers=numbers)


def _failed_tag(rule: Mapping[str, Any], tagged: Tagged, numbers: dict[str, Any]) -> Decided:
    tests = "test" if tagged.failed == 1 else "tests"
    sentence = f"{tagged.failed} {tests} tagged {rule['tag']} failed."
    return Decided(decision=Decision.FAILED, sentence=sentence, numbers=numbers | {"tagged": asdict(tagged)})


def _no_failed_tag(rule: Mapping[str, Any], tagged: Tagged, numbers: dict[str, Any]) -> Decided:
    numbers = numbers | {"tagged": asdict(tagged)}
    if tagged.left_out:
        tests = "test" if tagged.left_out == 1 else "tests"
        sentence = f"{tagged.left_out} {tests} tagged {rule['tag']} without a verdict: run them again."
        return Decided(decision=Decision.UNDECIDED, sentence=sentence, numbers=numbers)
    if not tagged.passed:
        sentence = f"No test of this run is tagged {rule['tag']}."
        return Decided(decision=Decision.UNDECIDED, sentence=sentence, numbers=numbers)
    sentence = f"All {tagged.passed} tests tagged {rule['tag']} passed."
    return Decided(decision=Decision.PASSED, sentence=sentence, numbers=numbers)


def _no_regression(rule: Mapping[str, Any], evidence: Evidence, numbers: dict[str, Any]) -> Decided:
    changes = evidence.changes
    if changes is None or evidence.baseline_number is None:
        sentence = "There is no earlier run of this test set to compare with."
        return Decided(decision=Decision.UNDECIDED, sentence=sentence, numbers=numbers)
    if evidence.incomparable:
        return Decided(decision=Decision.UNDECIDED, sentence=evidence.incomparable, numbers=numbers)
    found = changes.difference_at(rule["confidence"])
    numbers = numbers | {
        "baseline": evidence.baseline_number,
        "matched": changes.matched,
        "fixed": changes.fixed,
        "broken": changes.broken,
        "margin": rule["margin"],
    }
    if found is None:
        sentence = f"No test has a verdict both here and in #{evidence.baseline_number}."
        return Decided(decision=Decision.UNDECIDED, sentence=sentence, numbers=numbers)
    numbers |= {"difference": found.difference, "low": found.low, "high": found.high, "p_value": found.p_value}
    return _margin(rule, numbers)


def _margin(rule: Mapping[str, Any], numbers: dict[str, Any]) -> Decided:
    """Passed where the difference lies above −margin with confidence, failed where it lies below 0 beyond chance."""
    against = (
        f"against #{numbers['baseline']}: {numbers['broken']} broken, {numbers['fixed']} fixed of {numbers['matched']}"
    )
    p_value = numbers["p_value"]
    if numbers["broken"] > numbers["fixed"] and p_value is not None and p_value < 1 - rule["confidence"]:
        sentence = f"A regression {against}, more than chance explains."
        return Decided(decision=Decision.FAILED, sentence=sentence, numbers=numbers)
    if numbers["low"] > -rule["margin"]:
        sentence = f"No regression of {_percent(rule['margin'])} {against}."
        return Decided(decision=Decision.PASSED, sentence=sentence, numbers=numbers)
    sentence = (
        f"Too close to call {against}: a loss of {_percent(rule['margin'])} cannot be ruled out with these tests."
    )
    return Decided(decision=Decision.UNDECIDED, sentence=sentence, numbers=numbers)


def _checked(name: str, value: Any) -> Any:
    if name == "tag":
        return _tag(value)
    if name == "baseline":
        return _baseline(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    low, high = bounds_of(name)
    if not is_number or not low <= value <= high:
        raise Invalid.field("rule", f"{name} is a share from {low:g} to {high:g}, such as {FIELD_EXAMPLES[name]}.")
    return float(value)


def bounds_of(name: str) -> tuple[float, float]:
    """The lowest and the highest share that this field of a rule may hold."""
    return {"confidence": (0.51, 0.999), "at_least": (0.001, 1.0), "margin": (0.001, 0.5)}.get(name, (0.0, 1.0))


FIELD_EXAMPLES: Final = {"confidence": 0.95, "at_least": 0.9, "margin": 0.05, "max_error_rate": 0.02, "at_most": 0.02}


def _tag(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TAG or "\0" in value:
        raise Invalid.field("rule", f"tag is the tag of the tests that must not fail, at most {MAX_TAG} characters.")
    return value.strip()


def _baseline(value: Any) -> str:
    if value == PREVIOUS:
        return PREVIOUS
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Invalid.field("rule", f"baseline is “{PREVIOUS}” or a run's id.") from None


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _tenths(share: float) -> str:
    return f"{share * 100:.1f} %"
