"""Starting points for an endpoint's template, mapping and headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Everything a known kind of endpoint needs but its address and its secret."""

    key: str
    title: str
    description: str
    url_example: str
    request_template: Any
    response_mapping: Mapping[str, str]
    auth_kind: str = "none"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


PRESETS = (
    Preset(
        key="json-chat",
        title="Plain JSON chat",
        description="Takes {“message”: …} and answers {“reply”: …}. Rename the fields to those of your application.",
        url_example="http://localhost:9000/chat",
        request_template={"message": "{{ input }}"},
        response_mapping={"output": "$.reply"},
    ),
    Preset(
        key="openai-chat",
        title="OpenAI-compatible chat",
        description="The chat completions format, spoken by OpenAI, Azure, vLLM, Ollama, LM Studio and many gateways.",
        url_example="https://api.openai.com/v1/chat/completions",
        request_template={"model": "gpt-4o-mini", "messages": "{{ messages }}"},
        response_mapping={
            "output": "$.choices[0].message.content",
            "tool_calls": "$.choices[0].message.tool_calls",
            "tokens_in": "$.usage.prompt_tokens",
            "tokens_out": "$.usage.completion_tokens",
        },
        auth_kind="bearer",
    ),
)
"""In the order a form shows them."""
