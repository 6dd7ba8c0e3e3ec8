"""How polite an answer is: the share of courtesies found in it."""

from dataclasses import dataclass

from rhesis_app.sdk import Evaluator, EvaluatorSpec, Range, Sample, Score, Tools, param


@dataclass(frozen=True)
class Politeness:
    """The host makes the form, the JSON schema and the checks out of these fields."""

    courtesies: tuple[str, ...] = param(
        ("please", "thank you", "welcome", "glad to help"), help="What counts as courtesy, one phrase per line."
    )
    enough: int = param(1, help="How many different courtesies make a fully polite answer.", minimum=1, maximum=20)

    def problems(self) -> dict[str, str]:
        """Checks that a type and bounds cannot express: field name to sentence."""
        if len(self.courtesies) < self.enough:
            return {"enough": f"Only {len(self.courtesies)} courtesies are listed: list more, or ask for fewer."}
        return {}


def build_politeness(params: Politeness, _tools: Tools) -> Evaluator:
    """Prepare once what every answer needs; the function returned is called from many threads."""
    wanted = [courtesy.casefold() for courtesy in params.courtesies]

    def politeness(sample: Sample, /) -> Score:
        answer = sample.output.casefold()
        found = [courtesy for courtesy in wanted if courtesy in answer]
        share = min(1.0, len(found) / params.enough)
        return Score.number(
            share, f"{len(found)} of {params.enough} courtesies: {', '.join(found) or 'none'}.", found=found
        )

    return politeness


POLITENESS = EvaluatorSpec(
    key="template.politeness",
    title="Politeness",
    summary="How much courtesy the answer shows, from 0 to 1.",
    params=Politeness,
    build=build_politeness,
    scale=Range(low=0.0, high=1.0, better="higher"),
    default_rule={"at_least": 1},
)
