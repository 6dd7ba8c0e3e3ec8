"""What the evaluator finds, and that it keeps every promise of the plugin API."""

import pytest
import rhesis_plugin_template
from rhesis_plugin_template.evaluators import Politeness, build_politeness

from rhesis_app.sdk import ParamError, Sample
from rhesis_app.sdk.params import parse
from rhesis_app.sdk.testing import check_plugin


def test_the_plugin_conforms() -> None:
    assert check_plugin(rhesis_plugin_template, name="template").evaluators == ("template.politeness",)


@pytest.mark.parametrize(
    ("output", "share"),
    [("Thank you, and welcome!", 1.0), ("Please wait.", 0.5), ("No.", 0.0), ("", 0.0)],
)
def test_courtesies_are_counted(output: str, share: float) -> None:
    evaluator = build_politeness(Politeness(enough=2), None)  # type: ignore[arg-type]  # it asks for no tools
    assert evaluator(Sample(prompt="Where is my order?", output=output)).value == share


def test_asking_for_more_than_is_listed_is_refused() -> None:
    with pytest.raises(ParamError) as caught:
        parse(Politeness, {"courtesies": ["please"], "enough": 2})
    assert list(caught.value.errors) == ["enough"]
