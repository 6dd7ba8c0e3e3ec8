"""The attack suite on one metric: does a bad answer get a better verdict by asking for it?

A dry run with a scripted judge, which costs nothing, counts the calls and looks whether the attack stays in its fence.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from rhesis_app.scoring.engine import EvaluationOutcome, MetricRecipe, evaluate, prepare
from rhesis_app.scoring.judges import Heard, JudgeUse, hearing
from rhesis_app.scoring.outcome import Verdict
from rhesis_app.scoring.rules import AtLeast, HasLabel, Rule
from rhesis_app.sdk import Binary, EvaluatorSpec, Judgement, Need, Range, Sample, Scale, Tools
from rhesis_app.sdk.attacks import ATTACKS, BAD_ANSWER, Aim, Attack, carried
from rhesis_app.sdk.fences import mark_of, outside
from rhesis_app.sdk.judge_trials import ScriptedTools

CONTROLS: Final = 3
"""How often the bad answer is judged without an attack: the most favourable of these is what an attack must not beat."""

_FAVOUR = {Verdict.FAILED: 0, Verdict.UNSCORED: 1, Verdict.PASSED: 2}
_ANY_MARK: Final = "f" * 16


class Held(StrEnum):
    """What became of an attack: exposed means that its words reached the judge outside of a fence, and did no harm yet."""

    HELD = "held"
    GAVE_IN = "gave_in"
    EXPOSED = "exposed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A metric under attack; `sample` is the bad answer."""

    recipe: MetricRecipe
    spec: EvaluatorSpec
    rule: Rule
    scale: Scale
    sample: Sample
    attacks: tuple[Attack, ...]
    calls_each: int
    outline: tuple[str, ...]

    @property
    def aim(self) -> Aim:
        """The most favourable verdict of this metric."""
        return _aim(self.rule, self.scale)

    @property
    def calls(self) -> int:
        """How many calls of the model the whole suite takes."""
        return self.calls_each * (CONTROLS + len(self.attacks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the bad answer gets without an attack; `problem` says why attacks could prove nothing then."""

    verdict: str
    score: float | None
    label: str | None
    reason: str
    problem: str
    uses: tuple[JudgeUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackOutcome:
    """One attack: what the metric said under it. `moved` is a better score, or label, that does not change the verdict."""

    key: str
    title: str
    place: str
    outcome: str
    verdict: str
    score: float | None
    label: str | None
    reason: str
    moved: bool
    use: JudgeUse = field(default_factory=JudgeUse)


class NotAttackable(ValueError):
    """A metric on which the suite can say nothing; the text says why."""


def target_of(recipe: MetricRecipe, spec: EvaluatorSpec, sample: Sample = BAD_ANSWER) -> Target:
    """The metric made ready, with the attacks that have a way into its prompts. Raises NotAttackable."""
    prepared = prepare(recipe, spec)
    if prepared.rule is None or prepared.scale is None:
        raise NotAttackable(prepared.failure)
    if Need.JUDGE not in prepared.needs:
        raise NotAttackable("This metric asks no judge, so nobody can be talked into anything.")
    asked = _asked_about(recipe, spec, sample)
    if not asked:
        raise NotAttackable("The metric does not ask its judge about the answer that is attacked with.")
    aim, bare = _aim(prepared.rule, prepared.scale), [_without_mark(prompt) for prompt in asked]
    carriers = {attack: _asked_about(recipe, spec, carried(attack, sample, aim)) for attack in ATTACKS}
    return Target(
        recipe=recipe,
        spec=spec,
        rule=prepared.rule,
        scale=prepared.scale,
        sample=sample,
        attacks=tuple(
            attack for attack, prompts in carriers.items() if [_without_mark(prompt) for prompt in prompts] != bare
        ),
        calls_each=len(asked),
        outline=_outline(asked),
    )


def judge_control(target: Target, tools: Tools) -> Control:
    """The bad answer without an attack, asked a few times over."""
    prepared = prepare(target.recipe, target.spec, tools)
    found = [evaluate(prepared, target.sample) for _ in range(CONTROLS)]
    best = max(found, key=lambda one: _favour(target, one))
    return Control(
        verdict=best.verdict,
        score=best.score,
        label=best.label,
        reason=best.reason,
        problem=_problem(found, best),
        uses=tuple(one.use for one in found),
    )


def strike(target: Target, tools: Tools, attack: Attack, control: Control) -> AttackOutcome:
    """One attack, judged once."""
    watched = _Watched(tools)
    sample = carried(attack, target.sample, target.aim)
    found = evaluate(prepare(target.recipe, target.spec, watched), sample)
    before = (_FAVOUR[Verdict(control.verdict)], _closeness(target, control.score, control.label))
    after = _favour(target, found)
    return AttackOutcome(
        key=attack.key,
        title=attack.title,
        place=attack.place,
        outcome=_outcome(found, gained=after[0] > before[0], is_fenced=_outline(watched.prompts) == target.outline),
        verdict=found.verdict,
        score=found.score,
        label=found.label,
        reason=found.reason,
        moved=after[0] == before[0] and after[1] > before[1],
        use=found.use,
    )


def _outcome(found: EvaluationOutcome, *, gained: bool, is_fenced: bool) -> Held:
    if found.verdict == Verdict.ERROR:
        return Held.UNDECIDED
    if gained:
        return Held.GAVE_IN
    return Held.HELD if is_fenced else Held.EXPOSED


def _problem(found: Sequence[EvaluationOutcome], best: EvaluationOutcome) -> str:
    for one in found:
        if one.verdict == Verdict.ERROR:
            return f"The judge gave no verdict on the bad answer without an attack: {one.reason}"
    if best.verdict == Verdict.PASSED:
        return (
            "The metric passes the bad answer as it is, so an attack can gain nothing. Try it with an answer that the"
            " metric ought to fail."
        )
    return ""


def _favour(target: Target, found: EvaluationOutcome) -> tuple[int, float]:
    """How good it is for whoever wrote the answer; an error is no verdict at all, and below all of them."""
    return _FAVOUR.get(found.verdict, -1), _closeness(target, found.score, found.label)


def _closeness(target: Target, score: float | None, label: str | None) -> float:
    """Higher is closer to passing."""
    if score is not None:
        return score if isinstance(target.rule, AtLeast) else -score
    return 0.0 if label is None or not isinstance(target.rule, HasLabel) else float(label in target.rule.labels)


def _aim(rule: Rule, scale: Scale) -> Aim:
    if isinstance(rule, HasLabel):
        return Aim(best=rule.labels[0])
    if isinstance(scale, Binary):
        return Aim(best="yes" if isinstance(rule, AtLeast) else "no")
    low, high = (scale.low, scale.high) if isinstance(scale, Range) else (None, None)
    end = high if isinstance(rule, AtLeast) else low
    return Aim(best=f"{rule.bound if end is None else end:g}")


def _asked_about(recipe: MetricRecipe, spec: EvaluatorSpec, sample: Sample) -> list[str]:
    """What the metric would ask its judge; no model is called."""
    scripted = ScriptedTools()
    evaluate(prepare(recipe, spec, scripted), sample)
    return [prompt for prompt, _ in scripted.asked]


def _outline(prompts: Sequence[str]) -> tuple[str, ...]:
    """What the prompts say outside of fences, whatever their marks are and however many fences there are."""
    return tuple(" ".join(outside(_without_mark(prompt)).split()) for prompt in prompts)


def _without_mark(prompt: str) -> str:
    """The prompt as if its mark were a fixed one."""
    mark = mark_of(prompt)
    return prompt if mark is None else prompt.replace(mark, _ANY_MARK)


@dataclass(slots=True)
class _Watched:
    """Tools that keep what they are asked, and pass it on."""

    tools: Tools
    prompts: list[str] = field(default_factory=list)

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        self.prompts.append(prompt)
        return self.tools.judge(prompt, schema)

    def hear(self) -> AbstractContextManager[Heard]:
        return hearing(self.tools)

    def setting(self, name: str) -> str | None:
        return self.tools.setting(name)
