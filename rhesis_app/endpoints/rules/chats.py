"""A prompt that a model is told for each test: in which role, and what of the test's conversation goes with it."""

from dataclasses import dataclass
from typing import Any, Final

from rhesis_app.endpoints.rules.placeholders import as_text
from rhesis_app.endpoints.rules.templates import RequestContext, Template, TemplateProblem, compile_template

ROLES: Final = ("system", "user")
_CONVERSATION: Final = frozenset({"input", "messages", "turns"})
_NO_PROMPT: Final = "As the user's message the prompt has to carry the test's. Put {{ input }} where it belongs."


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A prompt that was checked."""

    role: str
    template: Template

    def messages(self, context: RequestContext) -> list[dict[str, Any]]:
        """The conversation to be continued. Raises TemplateError when a placeholder has no value.

        As `system` the text stands before the test's conversation. As `user` it takes the place of the test's prompt, and
        where it speaks of the messages itself it is all that is sent.
        """
        text = as_text(self.template.render(context)[0])
        earlier = [dict(message) for message in context.earlier]
        if self.role == "system":
            return [{"role": "system", "content": text}, *earlier, {"role": "user", "content": context.input}]
        is_whole = "messages" in self.template.roots or "turns" in self.template.roots
        return [*([] if is_whole else earlier), {"role": "user", "content": text}]


def compile_chat(role: str, text: str) -> ChatTemplate:
    """Check a prompt's text. Raises TemplateProblem: a variable that a test does not have, or no place for its prompt."""
    parts = [text, "{{ input }}"] if role == "system" else [text]  # as system, the test's prompt follows as a message
    try:
        template = compile_template(parts)
    except TemplateProblem as problem:
        raise TemplateProblem("", problem.message if problem.path else _NO_PROMPT) from None
    if not template.roots & _CONVERSATION:
        raise TemplateProblem("", _NO_PROMPT)
    return ChatTemplate(role, template)
