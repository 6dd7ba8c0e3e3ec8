"""Prices of endpoints, the cost that an answer tells, and what a call came to."""

from typing import Any

import pytest

from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, always, json_reply

USAGE = {"output": "$.reply", "tokens_in": "$.in", "tokens_out": "$.out"}


def test_prices_are_kept_as_decimals_changed_and_taken_away(alice: Person, made: dict[str, Any]) -> None:
    assert made["prices"] == {"input_per_million": None, "output_per_million": None, "currency": "USD"}
    here = f"/endpoints/{made['id']}"
    priced = alice.api.patch(here, {"prices": {"input_per_million": "0.150", "output_per_million": 10}})
    assert priced.json["prices"] == {"input_per_million": "0.15", "output_per_million": "10", "currency": "USD"}
    assert alice.api.patch(here, {"name": "Other"}).json["prices"] == priced.json["prices"]
    assert alice.api.patch(here, {"prices": {}}).json["prices"] == made["prices"]


@pytest.mark.parametrize(
    ("prices", "field"),
    [
        ({"input_per_million": "-1"}, "prices.input_per_million"),
        ({"output_per_million": "0.0000001"}, "prices.output_per_million"),
        ({"input_per_million": "cheap"}, "prices.input_per_million"),
        ({"currency": "EUR"}, "prices.currency"),
    ],
)
def test_a_wrong_price_is_refused_at_its_field(
    alice: Person, body: dict[str, Any], prices: dict[str, str], field: str
) -> None:
    answer = alice.api.post("/endpoints", {**body, "prices": prices})
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_a_call_says_what_it_cost(alice: Person, body: dict[str, Any]) -> None:
    prices = {"input_per_million": "2.5", "output_per_million": "10"}
    with ScriptedEndpoint(always(json_reply({"reply": "Hi", "in": 100, "out": 25, "usd": 0.3}))) as server:

        def cost(**changes: Any) -> Any:
            mine = alice.api.post(
                "/endpoints", {**body, "url": server.url, "name": f"Chat {len(str(changes))}", **changes}
            ).json
            return alice.api.post(f"/endpoints/{mine['id']}/invoke", {"input": "?"}).json["cost"]

        assert cost(response_mapping=USAGE, prices=prices) == "0.0005"
        assert cost(response_mapping=USAGE | {"cost": "$.usd"}, prices=prices) == "0.3"
        assert cost(response_mapping=USAGE) is None
        assert cost(prices=prices) is None


def test_a_model_with_a_prompt_has_no_prices_of_its_own(alice: Person, body: dict[str, Any]) -> None:
    answer = alice.api.post(
        "/endpoints",
        {"kind": "model", "project_id": body["project_id"], "name": "M", "prices": {}, "model_id": body["project_id"],
         "prompt_version_id": body["project_id"]},
    )  # fmt: skip
    assert answer.json["errors"] == {"prices": ["This is for endpoints of kind http."]}
