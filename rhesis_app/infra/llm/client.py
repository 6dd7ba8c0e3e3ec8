"""Asking a language model once, patiently: its turn, a few tries, the wire's way to a schema, and what it came to."""

import json
import random
import time
from collections.abc import Callable
from hashlib import sha256
from threading import BoundedSemaphore, Lock
from typing import Any, Final

from rhesis_app.infra.http import failure_of
from rhesis_app.infra.http.echoes import forms_of, without_secrets
from rhesis_app.infra.llm.answers import AnswerProblem, fitting_object
from rhesis_app.infra.llm.wires import Said, WireRequest, read_said, request_for
from rhesis_app.kernel.ports import (
    CalledModel,
    HttpDoor,
    ModelAnswer,
    ModelFailure,
    ModelQuestion,
    ModelSpent,
    OutboundAnswer,
    OutboundFailure,
    OutboundRequest,
    Turns,
)
from rhesis_app.kernel.times import utc_now

_TRIES: Final = {"connect": 3, "dns": 3, "reset": 3, "throttled": 3, "http_5xx": 3, "timeout": 2}
_LONGEST_PAUSE_S: Final = 30.0
# what a server says to a field that it does not know
_NOT_TAKEN: Final = frozenset({400, 404, 415, 422, 501})
_UNREACHED: Final = frozenset({"connect", "dns", "reset", "tls", "timeout"})
_OURS: Final = "worker_lost"  # said of a call that failed on our side: it tells nothing of the model
_Known = tuple[str, str, str]


class LlmClient:
    """Asks models of both wires through the one outbound door; one per process, shared by its threads."""

    def __init__(
        self,
        door: HttpDoor,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door, self._clock, self._sleep = door, clock, sleep
        self._turns: dict[tuple[_Known, int], OwnTurns] = {}
        self._without_schema: set[tuple[str, ...]] = set()
        self._lock = Lock()

    def ask(self, model: CalledModel, question: ModelQuestion) -> ModelAnswer:
        """Ask for an object of the question's schema. Raises ModelFailure, which holds what was spent on a useless answer."""
        until = self._clock() + question.patience_s
        request, answer = self._answer(model, question, until)
        said = read_said(model.wire, _document(answer.body))
        if said is None:
            sentence = (
                f"The model “{model.label}” answered in another format than the one chosen: {_looked_for(model)}."
            )
            raise ModelFailure("not_json", sentence, request=_shown(request))
        return _judged(model, question, request, said, answer.latency_ms)

    def _answer(self, model: CalledModel, question: ModelQuestion, until: float) -> tuple[WireRequest, OutboundAnswer]:
        """The first 2xx: by schema, and where the server does not take that, in words alone, from then on at once."""
        # by schema and not by model alone: a server may know schemas, and not what is in this one
        known = (*_known(model), sha256(json.dumps(question.schema, sort_keys=True).encode()).hexdigest())
        if known not in self._without_schema:
            request = request_for(model, question.prompt, question.schema, by_schema=True)
            answer = self._call(model, request, until)
            if answer.status not in _NOT_TAKEN:
                return request, _usable(model, request, answer)
        request = request_for(model, question.prompt, question.schema, by_schema=False)
        answer = _usable(model, request, self._call(model, request, until))
        self._without_schema.add(known)
        return request, answer

    def _call(self, model: CalledModel, request: WireRequest, until: float) -> OutboundAnswer:
        """An answer that asking again would not better. Raises ModelFailure."""
        turns, tries = model.turns or self._turns_of(model), 0
        while True:
            tries += 1
            if not turns.take(max(0.0, until - self._clock())):
                sentence = f"The model “{model.label}” had no free turn in time: its calls at a time are limited to {model.max_concurrency}."
                raise ModelFailure("timeout", sentence, request=_shown(request))
            try:
                answer = self._once(model, request, until)
            except OutboundFailure as failure:
                said = failure
                status = failure.answer.status if failure.answer is not None else None
                turns.give(failure.code, status, failure.retry_after_s or 0.0 if failure.code == "throttled" else 0.0)
            except BaseException:
                turns.give(_OURS)
                raise
            else:
                turns.give(None, answer.status)
                return answer
            pause = _pause_s(said, tries)
            if pause is None or self._clock() + pause >= until:
                raise _failed(model, request, said) from None
            self._sleep(pause)

    def _once(self, model: CalledModel, request: WireRequest, until: float) -> OutboundAnswer:
        left = until - self._clock()
        if left <= 0:
            raise OutboundFailure("timeout", "The time for it was over.")
        body = json.dumps(request.body, ensure_ascii=False).encode("utf-8", "replace")
        call = OutboundRequest(
            method="POST",
            url=request.url,
            headers=request.headers,
            body=body,
            timeout_s=min(model.timeout_s, left),
        )
        answer = without_secrets(self._door.send(call), forms_of(model.key) if model.key else ())
        failure = failure_of(answer, utc_now())
        if failure is not None and failure.code in _TRIES:
            raise failure
        return answer

    def _turns_of(self, model: CalledModel) -> "OwnTurns":
        with self._lock:
            key = (_known(model), model.max_concurrency)
            return self._turns.setdefault(key, OwnTurns(model.max_concurrency))


class OwnTurns(Turns):
    """The calls of a model that this process counts for itself, where somebody tries something; nothing is learned."""

    def __init__(self, most: int) -> None:
        self._free = BoundedSemaphore(most)

    def take(self, timeout_s: float) -> bool:
        """Wait for a turn."""
        return self._free.acquire(timeout=timeout_s)

    def give(self, code: str | None, status: int | None = None, pause_s: float = 0.0) -> None:  # noqa: ARG002 the protocol's signature
        """Give it back."""
        self._free.release()


def _known(model: CalledModel) -> _Known:
    return model.wire, model.base_url, model.model_name


def _pause_s(failure: OutboundFailure, tries: int) -> float | None:
    """Seconds until the next try: what the server asks for, else half a second and more, jittered; None for no more."""
    if tries >= _TRIES.get(failure.code, 0):
        return None
    asked = failure.retry_after_s or 0.0
    if asked > _LONGEST_PAUSE_S:
        return None
    return max(asked, 0.5 * 2.0 ** (tries - 1) * (0.5 + random.random()))  # noqa: S311 - spreads load, guards nothing


def _usable(model: CalledModel, request: WireRequest, answer: OutboundAnswer) -> OutboundAnswer:
    failure = failure_of(answer, utc_now())
    if failure is not None:
        raise _failed(model, request, failure)
    return answer


def _failed(model: CalledModel, request: WireRequest, failure: OutboundFailure) -> ModelFailure:
    return ModelFailure(failure.code, f"The model “{model.label}” {_said_of(model, failure)}", request=_shown(request))


def _said_of(model: CalledModel, failure: OutboundFailure) -> str:
    """What went wrong, to be read after the model's name."""
    status = failure.answer.status if failure.answer is not None else None
    if failure.code == "throttled":
        return f"answered {status}: it asks for fewer calls. Lower its calls at a time, or try again later."
    if status in {401, 403}:
        return f"refused the call ({status}): it did not accept the key. Check the key in the model's settings."
    if status == 404:
        return f"answered 404: look at its base URL, and whether the model “{model.model_name}” exists there."
    if status is not None:
        return f"answered {status}."
    if failure.code == "timeout":
        return f"did not answer within {model.timeout_s} s."
    if failure.code in _UNREACHED:
        return f"could not be reached ({failure.code}). Is its server running at {model.base_url}?"
    return f"could not be called. {failure.message}"


def _judged(
    model: CalledModel, question: ModelQuestion, request: WireRequest, said: Said, latency_ms: float
) -> ModelAnswer:
    text = said.text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    spent = ModelSpent(
        model=said.model or model.model_name,
        text=text,
        tokens_in=said.tokens_in,
        tokens_out=said.tokens_out,
        cost=model.prices.cost_of(said.tokens_in, said.tokens_out),
        latency_ms=latency_ms,
    )
    if said.refusal:
        sentence = f"The model “{model.label}” refused to answer ({said.refusal[:80]})."
        raise ModelFailure("refused", sentence, spent=spent, request=_shown(request))
    try:
        return ModelAnswer(answer=fitting_object(text, question.schema), spent=spent, request=_shown(request))
    except AnswerProblem as problem:
        cut = " It ran out of tokens: raise max_tokens in its parameters." if said.is_cut else ""
        sentence = f"The answer of the model “{model.label}” cannot be used: {problem}.{cut}"
        raise ModelFailure("not_json", sentence, spent=spent, request=_shown(request)) from None


def _shown(request: WireRequest) -> dict[str, Any]:
    return {"method": "POST", "url": request.url, "body": request.body}


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _looked_for(model: CalledModel) -> str:
    return "Anthropic messages" if model.wire == "anthropic" else "OpenAI-compatible chat completions"
