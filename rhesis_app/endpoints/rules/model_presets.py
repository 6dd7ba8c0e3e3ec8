"""Starting points for a model: where known servers answer and what they call things."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPreset:
    """Everything a known kind of server needs but its key and, where there is no usual one, its address."""

    key: str
    title: str
    description: str
    wire: str = "openai"
    base_url: str = ""
    base_url_example: str = ""
    model_example: str = ""


MODEL_PRESETS: Final = (
    ModelPreset(
        key="openai",
        title="OpenAI",
        description="The chat completions of api.openai.com, with a key of your account.",
        base_url="https://api.openai.com/v1",
        model_example="gpt-4o-mini",
    ),
    ModelPreset(
        key="anthropic",
        title="Anthropic",
        description="The messages of api.anthropic.com, with a key of your account.",
        wire="anthropic",
        base_url="https://api.anthropic.com/v1",
        model_example="claude-sonnet-4-5",
    ),
    ModelPreset(
        key="azure",
        title="Azure OpenAI",
        description="Your resource's address; the model is the name of its deployment.",
        base_url_example="https://your-resource.openai.azure.com/openai/v1",
        model_example="your-deployment",
    ),
    ModelPreset(
        key="openrouter",
        title="OpenRouter",
        description="Many vendors' models behind one address and one key.",
        base_url="https://openrouter.ai/api/v1",
        model_example="vendor/model",
    ),
    ModelPreset(
        key="ollama",
        title="Ollama",
        description="A model on your own machine, without a key; it has to be pulled before.",
        base_url="http://localhost:11434/v1",
        model_example="llama3.1:8b",
    ),
    ModelPreset(
        key="vllm",
        title="vLLM",
        description="A model on your own server; a key only if it was started with one.",
        base_url_example="http://localhost:8000/v1",
        model_example="the name it was started with",
    ),
    ModelPreset(
        key="llama-cpp",
        title="llama.cpp",
        description="One model file on your own machine, served by llama-server.",
        base_url_example="http://localhost:8080/v1",
        model_example="any name: it serves one model",
    ),
    ModelPreset(
        key="other",
        title="Another server",
        description="Anything that speaks chat completions or Anthropic messages.",
        base_url_example="https://models.example.org/v1",
    ),
)
"""In the order a form shows them."""
