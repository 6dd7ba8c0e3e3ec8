"""Having a model name what failures share. It is asked once, and nothing that is counted depends on what it says."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from rhesis_app.endpoints.actions.judging import JudgeTools
from rhesis_app.insights.queries.analysis import read_examples
from rhesis_app.insights.rules.failures import SharedTrait
from rhesis_app.insights.rules.group_names import EXAMPLES, SCHEMA, names_in, prompt_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.sdk import JudgeUnavailableError


def name_groups(scope: Scope, tools: JudgeTools, groups: Sequence[SharedTrait]) -> dict[str, Any]:
    """The model's names as JSON to keep, with what they cost; `problem` says why there are none.

    Reads what is shown in one statement, and holds no transaction while the model thinks.
    """
    wanted = [UUID(one) for group in groups for one in group.result_ids[:EXAMPLES]]
    found = read_examples(scope, wanted)
    scope.session.rollback()
    shown = [[found[one] for one in group.result_ids[:EXAMPLES] if one in found] for group in groups]
    with tools.hear() as heard:
        try:
            answer = tools.judge(prompt_of(groups, shown), SCHEMA).answer
            names = names_in(answer, shown)
            problem = "" if names else "The model found no words that rest on what it was shown."
        except JudgeUnavailableError:
            names, problem = (), heard.problem
    spent = heard.total()
    return {
        "groups": [asdict(one) for one in names],
        "problem": problem,
        "model": spent.model,
        "tokens_in": spent.tokens_in,
        "tokens_out": spent.tokens_out,
        "cost": str(spent.cost) if spent.cost is not None else None,
    }
