"""A model that follows its criteria, and obeys every attack it meets outside of a fence."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rhesis_app.sdk import EvaluatorSpec, Judgement, Tools
from rhesis_app.sdk.attacks import ATTACKS, Aim, words_of
from rhesis_app.sdk.fences import mark_of, outside

GOOD = "30 days"


class NaiveJudge:
    """`best` is the verdict that attacks ask for, `worst` what an answer without the right words gets."""

    def __init__(self, best: str, worst: Any, *, model: str = "naive-judge") -> None:
        self.best, self.worst, self.model = best, worst, model
        self.asked = 0

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        self.asked += 1
        verdict = self._obeyed(prompt) or self.worst
        fits = "number" in schema["properties"]["verdict"].get("type", "")
        answer = {"reason": "so it is", "quote": "", "verdict": float(verdict) if fits else verdict}
        return Judgement(
            answer={name: answer[name] for name in schema["properties"]}, model=self.model, tokens_in=100, tokens_out=10
        )

    def _obeyed(self, prompt: str) -> str | None:
        commanding = outside(prompt)
        heard = any(words_of(attack, Aim(best=self.best)) in commanding for attack in ATTACKS)
        return self.best if heard else None

    def setting(self, name: str) -> str | None:
        return None


def unfenced(spec: EvaluatorSpec) -> EvaluatorSpec:
    """The same evaluator as if nobody had thought of fences: its prompts lose them before they are sent."""
    return replace(spec, build=lambda params, tools: spec.build(params, _Unfenced(tools)))


class _Unfenced:
    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        mark = mark_of(prompt)
        bare = re.sub(rf"</?data-{mark}[^>\n]*>\n?", "", prompt)
        bare = bare.replace(f"The mark of this call is {mark}.", "")
        # what was written out or made harmless is as the attacker wrote it
        bare = bare.replace("&lt;", "<")
        return self.tools.judge(re.sub(r"\[U\+([0-9A-F]+)\]", lambda found: chr(int(found[1], 16)), bare), schema)

    def setting(self, name: str) -> str | None:
        return None
