"""The latency check: it measures, and the metric's rule is the bound."""

from rhesis_app.sdk import Evaluator, EvaluatorSpec, Need, NoParams, Range, Sample, Score, Tools


def latency(sample: Sample, /) -> Score:
    """The milliseconds the endpoint took."""
    if sample.latency_ms is None:
        return Score.unscored("The time of the answer was not measured.")
    return Score.number(sample.latency_ms, f"The answer took {sample.latency_ms:,.0f} ms.")


def build_latency(_params: NoParams, _tools: Tools) -> Evaluator:
    """The check itself: there is nothing to configure but its rule."""
    return latency


LATENCY = EvaluatorSpec(
    key="timing.latency",
    title="Latency",
    summary="The time of the answer in milliseconds; the pass rule is its bound.",
    params=NoParams,
    build=build_latency,
    scale=Range(low=0.0, high=None, better="lower", unit="ms"),
    needs=frozenset({Need.LATENCY}),
    default_rule={"at_most": 5000},
)
