"""The task that Inspect AI runs, in its own environment; nothing of the product imports it."""

import httpx
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, accuracy, scorer
from inspect_ai.solver import solver


@solver
def asks(url: str):
    """Ask the server and keep its reply as the completion."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=64, max_keepalive_connections=64), timeout=60)

    async def solve(state, _generate):
        answer = await client.post(url, json={"message": state.input_text})
        state.output.completion = answer.json()["reply"]
        return state

    return solve


def checks(name, holds):
    """A scorer of one text check."""

    @scorer(metrics=[accuracy()], name=name)
    def made():
        async def score(state, target):
            passed = holds(state.output.completion.casefold(), target.text)
            return Score(value=CORRECT if passed else INCORRECT, answer=state.output.completion)

        return score

    return made()


@task
def questions(url: str, tests: int):
    """As many questions as asked for."""
    return Task(
        dataset=[Sample(input=f"Question {n} of {tests}?", target="yes") for n in range(int(tests))],
        solver=asks(url),
        scorer=[
            checks("contains", lambda text, target: target in text),
            checks("refuses_not", lambda text, _: "i cannot" not in text),
            checks("begins", lambda text, _: text.startswith("yes")),
        ],
    )
