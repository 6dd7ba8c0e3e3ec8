"""Plugin API v1: everything a plugin may import from the host stands here."""

from rhesis_app.sdk.contracts import (
    Evaluator,
    EvaluatorSpec,
    ExporterSpec,
    ImporterSpec,
    Judgement,
    JudgeUnavailableError,
    Need,
    NoParams,
    Sample,
    Score,
    ToolCall,
    Tools,
    Turn,
)
from rhesis_app.sdk.hookspecs import ENTRY_POINT_GROUP, hookimpl
from rhesis_app.sdk.params import ParamError, param
from rhesis_app.sdk.reports import (
    ImportedTest,
    ImportProblem,
    MetricSnapshot,
    Rate,
    ReportEvaluation,
    ReportRow,
    RunReport,
    RunSummary,
    Totals,
)
from rhesis_app.sdk.scales import Binary, Labels, Range, Scale

__all__ = [
    "ENTRY_POINT_GROUP",
    "Binary",
    "Evaluator",
    "EvaluatorSpec",
    "ExporterSpec",
    "ImportProblem",
    "ImportedTest",
    "ImporterSpec",
    "JudgeUnavailableError",
    "Judgement",
    "Labels",
    "MetricSnapshot",
    "Need",
    "NoParams",
    "ParamError",
    "Range",
    "Rate",
    "ReportEvaluation",
    "ReportRow",
    "RunReport",
    "RunSummary",
    "Sample",
    "Scale",
    "Score",
    "ToolCall",
    "Tools",
    "Totals",
    "Turn",
    "hookimpl",
    "param",
]
