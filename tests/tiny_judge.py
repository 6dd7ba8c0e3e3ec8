"""The smallest evaluator that asks a judge, for tests of the host's side."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.registry import Registry
from rhesis_app.sdk import Binary, Evaluator, EvaluatorSpec, Need, Sample, Score, Tools, param

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["no", "yes"]}, "reason": {"type": "string"}},
    "required": ["verdict", "reason"],
    "additionalProperties": False,
}
MARK = "0123456789abcdef"


@dataclass(frozen=True)
class Criteria:
    """What it is told."""

    criteria: str = param("The answer says “yes”.", help="What makes an answer good.")


def _build(params: Criteria, tools: Tools) -> Evaluator:
    def judge(sample: Sample, /) -> Score:
        prompt = f'{params.criteria}\n<data-{MARK} name="answer">\n{sample.output}\n</data-{MARK}>'
        found = tools.judge(prompt, SCHEMA)
        return Score.of(found.answer["verdict"] == "yes", str(found.answer["reason"]))

    return judge


TINY = EvaluatorSpec(
    key="tiny.judge",
    title="Tiny judge",
    summary="Asks whether an answer is good.",
    params=Criteria,
    build=_build,
    scale=Binary(),
    needs=frozenset({Need.JUDGE}),
    deterministic=False,
)


def with_tiny(registry: Registry) -> Registry:
    """The registry with the tiny judge in it."""
    return replace(registry, evaluators={**registry.evaluators, TINY.key: TINY})


@contextmanager
def offering_tiny(host: Runtime) -> Iterator[None]:
    """The process offers the tiny judge until the block ends."""
    before, host.registry = host.registry, with_tiny(host.registry)
    try:
        yield
    finally:
        host.registry = before
