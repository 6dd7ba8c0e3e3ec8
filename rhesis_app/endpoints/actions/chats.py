"""A model that is told a prompt, asked as an endpoint: what is frozen of it, what is sent, and what of its answer is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rhesis_app.endpoints.models import Model
from rhesis_app.endpoints.rules import AnswerError, MappedAnswer, RequestContext, parse_json, storable
from rhesis_app.endpoints.rules.chats import ChatTemplate, compile_chat
from rhesis_app.endpoints.rules.costs import told_prices
from rhesis_app.infra.llm.wires import chat_body, read_said
from rhesis_app.kernel.ports import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidPrompt:
    """The text of a prompt's version and the role in which the model is told it."""

    text: str
    role: str
    version_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A frozen model with its prompt, ready for any number of tests; safe for many threads."""

    template: ChatTemplate
    wire: str
    model_name: str
    params: Mapping[str, Any]

    def body(self, context: RequestContext) -> dict[str, Any]:
        """The request's JSON value. Raises TemplateError when a placeholder has no value."""
        return chat_body(self.wire, self.model_name, self.params, self.template.messages(context))

    def read(self, body: bytes) -> MappedAnswer:
        """What the model said; of a refusal its words. Raises AnswerError."""
        said = read_said(self.wire, parse_json(body))
        if said is None:
            raise AnswerError("mapping", "The model answered in another format than the one chosen in its settings.")
        text = said.text or said.refusal
        if not text:
            cut = " It ran out of tokens: raise max_tokens in its parameters." if said.is_cut else ""
            raise AnswerError("mapping", f"The model said nothing.{cut}")
        return MappedAnswer(output=storable(text), tokens_in=said.tokens_in, tokens_out=said.tokens_out)


def frozen_chat(model: Model, said: SaidPrompt) -> dict[str, Any]:
    """What a run keeps of the model and the prompt beside the address and the text; never the key."""
    prices = Prices(input_per_million=model.price_input, output_per_million=model.price_output)
    return {
        "model_id": str(model.id),
        "model": model.name,
        "wire": model.wire,
        "model_name": model.model_name,
        "params": dict(model.params),
        "prices": told_prices(prices),
        "role": said.role,
        "prompt_version_id": said.version_id,
    }


def prepare_chat(frozen: Mapping[str, Any], text: str) -> Chat:
    """What `frozen_chat` wrote, with the prompt's text. Raises TemplateProblem."""
    return Chat(
        template=compile_chat(frozen["role"], text),
        wire=frozen["wire"],
        model_name=frozen["model_name"],
        params=frozen["params"],
    )
