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
