"""Language models over the outbound door: two wire formats as plain JSON, and one client."""

from rhesis_app.infra.llm.client import LlmClient

__all__ = ["LlmClient"]
