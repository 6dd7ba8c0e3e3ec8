"""What host and plugins hand each other: frozen values, two protocols, no behaviour to inherit."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, BinaryIO, Protocol, Self

from rhesis_app.sdk.reports import ImportedTest, ImportProblem, RunReport
from rhesis_app.sdk.scales import Scale


class Need(StrEnum):
    """What an evaluator cannot do without; a test that lacks it is left out of that metric, and said so."""

    REFERENCE = "reference"
    CONTEXT = "context"
    TURNS = "turns"
    TOOL_CALLS = "tool_calls"
    LATENCY = "latency"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call the application made to a tool of its own, as it reported it."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation; `role` is system, user or assistant."""

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One exchange to evaluate.

    `reference` is the test's expected answer, `context` what the application retrieved, `reference_context` what it
    should have retrieved, `metadata` the test's own. `latency_ms` is the wall time of the call. None means not known.
    """

    prompt: str
    output: str
    turns: tuple[Turn, ...] = ()
    reference: str | None = None
    context: tuple[str, ...] = ()
    reference_context: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    latency_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None

    def lacks(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """Those of `needs` that this sample does not meet, sorted; a judge is the host's to lend and never listed."""
        present = {
            Need.REFERENCE: bool(self.reference and self.reference.strip()),
            Need.CONTEXT: bool(self.context),
            Need.TURNS: bool(self.turns),
            Need.TOOL_CALLS: bool(self.tool_calls),
            Need.LATENCY: self.latency_ms is not None,
            Need.JUDGE: True,
        }
        return tuple(sorted(need for need in needs if not present[need]))


@dataclass(frozen=True, slots=True)
class Score:
    """What an evaluator found: a number or a label on its scale, or neither when it cannot tell (unscored).

    `reason` is one sentence for people, `evidence` small JSON for the curious. Pass or fail is not decided here.
    """

    value: float | None
    label: str | None = None
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, passed: bool, reason: str = "", /, **evidence: Any) -> Self:  # noqa: FBT001 - the truth value is what is scored
        """A yes (1) or no (0) on a Binary scale; keywords become evidence."""
        return cls(1.0 if passed else 0.0, None, reason, evidence)

    @classmethod
    def yes(cls, reason: str = "", /, **evidence: Any) -> Self:
        """1 on a Binary scale; keywords become evidence."""
        return cls(1.0, None, reason, evidence)

    @classmethod
    def no(cls, reason: str = "", /, **evidence: Any) -> Self:
        """0 on a Binary scale; keywords become evidence."""
        return cls(0.0, None, reason, evidence)

    @classmethod
    def number(cls, value: float, reason: str = "", /, **evidence: Any) -> Self:
        """A number on a Range scale; keywords become evidence."""
        return cls(value, None, reason, evidence)

    @classmethod
    def labelled(cls, label: str, reason: str = "", /, **evidence: Any) -> Self:
        """A name on a Labels scale; keywords become evidence."""
        return cls(None, label, reason, evidence)

    @classmethod
    def unscored(cls, reason: str, /, **evidence: Any) -> Self:
        """Neither passed nor failed: it could not be decided, for this reason."""
        return cls(None, None, reason, evidence)

    @property
    def is_scored(self) -> bool:
        """Whether there is anything to decide on."""
        return self.value is not None or self.label is not None


class Evaluator(Protocol):
    """A function of one sample: synchronous, safe to call from many threads, without state between calls."""

    def __call__(self, sample: Sample, /) -> Score: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A model's answer to a judging prompt: `answer` fits the schema that was asked for, `raw` is all that it said."""

    answer: Mapping[str, Any]
    model: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    raw: str = ""


class JudgeUnavailableError(Exception):
    """No model is connected for judging, or it did not answer."""


class JudgeAnswerError(Exception):
    """A model answered, and its answer is none that was asked for; an evaluator raises it instead of scoring."""


class Tools(Protocol):
    """What the host lends an evaluator."""

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        """Ask the configured model; the answer fits `schema`. Raises JudgeUnavailableError."""

    def setting(self, name: str) -> str | None:
        """An operator's setting for this plugin, or None."""


@dataclass(frozen=True, slots=True)
class NoParams:
    """For evaluators with nothing to configure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorSpec:
    """One evaluator on offer: data that can be listed, stored and drawn, and a function that builds it.

    `key` is "<plugin>.<name>". `params` is a dataclass whose fields are made by `param(…)`. `needs` and `scale` may
    depend on the params; a scale keeps its kind, because the form asks for the rule of that kind. `default_rule` is used
    when a metric names no rule. `example` are params for a trial when some have no default. `revision` rises when the
    same input may yield another score.
    """

    key: str
    title: str
    summary: str
    params: type[Any]
    build: Callable[[Any, Tools], Evaluator]
    scale: Scale | Callable[[Any], Scale]
    needs: frozenset[Need] | Callable[[Any], frozenset[Need]] = frozenset()
    default_rule: Mapping[str, Any] | None = None
    deterministic: bool = True
    revision: int = 1
    example: Mapping[str, Any] = field(default_factory=dict)

    def needs_for(self, params: Any, /) -> frozenset[Need]:
        """The needs of this evaluator when configured with `params`, an instance of its params class."""
        return self.needs(params) if callable(self.needs) else self.needs

    def scale_for(self, params: Any, /) -> Scale:
        """The scale of this evaluator when configured with `params`, an instance of its params class."""
        return self.scale(params) if callable(self.scale) else self.scale

    @property
    def has_fixed_scale(self) -> bool:
        """Whether the scale is the same for all params."""
        return not callable(self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSpec:
    """One export format. `write` streams the report's rows into a binary file that it neither closes nor rewinds."""

    key: str
    title: str
    media_type: str
    extension: str
    write: Callable[[RunReport, BinaryIO], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImporterSpec:
    """One foreign test format. `read` yields tests and, for rows it cannot use, problems; it does not raise."""

    key: str
    title: str
    extensions: tuple[str, ...]
    read: Callable[[BinaryIO], Iterable[ImportedTest | ImportProblem]]
