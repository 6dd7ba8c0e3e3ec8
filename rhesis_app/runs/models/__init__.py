"""Rows of runs, of what came of them, and the views that pages read."""

from rhesis_app.runs.models.results import Evaluation, RecordedExchange, Replacement, Review, TestResult
from rhesis_app.runs.models.runs import RescoreOrder, RunMetric, Schedule, TestRun, WorkItem
from rhesis_app.runs.models.views import EffectiveEvaluation, EffectiveResult, EffectiveTest, RunModel

__all__ = [
    "EffectiveEvaluation",
    "EffectiveResult",
    "EffectiveTest",
    "Evaluation",
    "RecordedExchange",
    "Replacement",
    "RescoreOrder",
    "Review",
    "RunMetric",
    "RunModel",
    "Schedule",
    "TestResult",
    "TestRun",
    "WorkItem",
]
