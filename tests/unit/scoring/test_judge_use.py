"""What an evaluation asked of a judge is kept with it, whatever the evaluator makes of it, and never with another's."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from rhesis_app.endpoints.actions.judging import NO_MODEL, JudgeTools
from rhesis_app.kernel.ports import CalledModel, ModelAnswer, ModelFailure, ModelQuestion, ModelSpent
from rhesis_app.scoring.engine import EvaluationOutcome, MetricRecipe, evaluate, prepare
from rhesis_app.scoring.judges import Heard, JudgeUse
from rhesis_app.sdk import (
    Binary,
    Evaluator,
    EvaluatorSpec,
    JudgeUnavailableError,
    Need,
    NoParams,
    Sample,
    Score,
    Tools,
)

MODEL = CalledModel(
    label="Judge", wire="openai", base_url="https://models.example.org/v1", model_name="m", timeout_s=10
)
SPENT = ModelSpent(model="m-1", text="{}", tokens_in=10, tokens_out=2, cost=Decimal("0.001"))
Asking = Callable[[Tools, Sample], Score]


class Door:
    """Answers every question alike, or with what a function says."""

    def __init__(self, said: Callable[[ModelQuestion], ModelSpent] | ModelFailure | None = None) -> None:
        self.said = said
        self.asked: list[ModelQuestion] = []

    def ask(self, model: CalledModel, question: ModelQuestion) -> ModelAnswer:
        self.asked.append(question)
        if isinstance(self.said, ModelFailure):
            raise self.said
        return ModelAnswer(answer={}, spent=self.said(question) if self.said else SPENT, request={})


def outcome_of(asking: Asking, tools: JudgeTools, output: str = "yes") -> EvaluationOutcome:
    def build(_params: Any, lent: Tools) -> Evaluator:
        return lambda sample: asking(lent, sample)

    spec = EvaluatorSpec(
        key="tests.judge",
        title="Judge",
        summary="",
        params=NoParams,
        build=build,
        scale=Binary(),
        needs=frozenset({Need.JUDGE}),
    )
    return evaluate(
        prepare(MetricRecipe(name="Judge", evaluator=spec.key), spec, tools), Sample(prompt="", output=output)
    )


def once(tools: Tools, sample: Sample) -> Score:
    tools.judge(sample.output, {})
    return Score.yes()


def test_calls_of_one_evaluation_are_summed() -> None:
    def twice(tools: Tools, sample: Sample) -> Score:
        once(tools, sample)
        return once(tools, sample)

    use = outcome_of(twice, JudgeTools(door=Door(), model=MODEL)).use
    assert use == JudgeUse(model="m-1", tokens_in=20, tokens_out=4, cost=Decimal("0.002"), raw=("{}", "{}"))


def test_an_evaluator_that_fails_after_its_call_keeps_what_it_cost() -> None:
    def fails(tools: Tools, sample: Sample) -> Score:
        once(tools, sample)
        raise KeyError("verdict")

    outcome = outcome_of(fails, JudgeTools(door=Door(), model=MODEL))
    assert outcome.verdict == "error"
    assert outcome.use.cost == Decimal("0.001")


def test_the_reason_of_a_failed_judge_is_the_hosts_own_word() -> None:
    spent = ModelSpent(model="m-1", text="Hm.", tokens_in=7, tokens_out=1)
    failure = ModelFailure("not_json", "The answer of the model “Judge” cannot be used.", spent=spent)
    outcome = outcome_of(once, JudgeTools(door=Door(failure), model=MODEL))
    assert (outcome.verdict, outcome.score) == ("error", None)
    assert outcome.reason == "The answer of the model “Judge” cannot be used."
    assert outcome.use == JudgeUse(model="m-1", tokens_in=7, tokens_out=1, raw=("Hm.",))


def test_what_a_plugin_says_of_an_absent_judge_is_not_repeated() -> None:
    def raises(_tools: Tools, _sample: Sample) -> Score:
        raise JudgeUnavailableError("sk-secret")

    assert "sk-secret" not in outcome_of(raises, JudgeTools(door=Door(), model=MODEL)).reason


def test_without_a_model_nothing_is_asked_and_the_reason_says_so() -> None:
    door = Door()
    outcome = outcome_of(once, JudgeTools(door=door, model=None))
    assert (outcome.verdict, outcome.reason, outcome.use) == ("error", NO_MODEL, JudgeUse())
    assert door.asked == []


def test_threads_hear_only_what_they_asked_themselves() -> None:
    together = threading.Barrier(8)

    def said(question: ModelQuestion) -> ModelSpent:
        together.wait(5)
        return ModelSpent(model="m-1", text=question.prompt, tokens_in=int(question.prompt), tokens_out=0)

    tools = JudgeTools(door=Door(said), model=MODEL)
    with ThreadPoolExecutor(8) as pool:
        uses = list(pool.map(lambda number: outcome_of(once, tools, str(number)).use, range(8)))
    assert [(use.raw, use.tokens_in) for use in uses] == [((str(number),), number) for number in range(8)]


def test_all_calls_of_one_evaluation_share_its_patience() -> None:
    moments = iter([0.0, 4.0, 20.0])
    door = Door()

    def twice(tools: Tools, sample: Sample) -> Score:
        once(tools, sample)
        return once(tools, sample)

    outcome_of(twice, JudgeTools(door=door, model=MODEL, clock=lambda: next(moments)))
    assert [question.patience_s for question in door.asked] == [46.0, 30.0]


def test_a_sum_with_an_unknown_part_is_not_known() -> None:
    heard = Heard(uses=[JudgeUse(model="a", tokens_in=1, cost=Decimal(1)), JudgeUse(model="b", tokens_in=2)])
    assert heard.total() == JudgeUse(model="b", tokens_in=3)


@pytest.mark.parametrize(("answers", "length"), [(20, 10), (1, 100_000)])
def test_what_is_kept_of_answers_is_bounded(answers: int, length: int) -> None:
    total = Heard(uses=[JudgeUse(raw=("x" * length,)) for _ in range(answers)]).total()
    assert len(total.raw) <= 8
    assert all(len(text) <= 8_000 for text in total.raw)


def test_odd_letters_of_an_answer_can_be_stored() -> None:
    def said(_question: ModelQuestion) -> ModelSpent:
        return ModelSpent(model="m\0", text="half \ud83d\0")

    use = outcome_of(once, JudgeTools(door=Door(said), model=MODEL)).use
    assert (use.model, use.raw) == ("m\ufffd", ("half ?\ufffd",))
