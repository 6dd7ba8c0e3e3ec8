"""What the demonstration contains, as plain values: names, metrics, requirements, tests."""

from typing import Final

ORGANIZATION: Final = "Brindlewick (demo)"
OWNER: Final = "Robin Hale"
EMAIL: Final = "demo@brindlewick.example"
PROJECT: Final = "Support chatbot"
ABOUT: Final = (
    "The chatbot of Brindlewick, a made-up kitchenware shop, in two versions. "
    "It ships with the product and has planted weaknesses, so that every page has something to show."
)
TEST_SET: Final = "Release regression"
ENDPOINTS: Final = (("Chatbot v1", "/v1/chat"), ("Chatbot v2", "/v2/chat"))
# which endpoint each run asks: the first version twice, so that two runs differ by noise alone, then the second
RUNS: Final = (0, 0, 1)
GATES: Final = (
    ("Ready to ship", {"kind": "pass_rate", "at_least": 0.8}),
    ("No regression", {"kind": "no_regression"}),
    ("Enough answers", {"kind": "error_rate", "at_most": 0.05}),
)
