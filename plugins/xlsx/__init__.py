"""A run's results as a workbook."""

from plugins.xlsx.exporter import RESULTS
from rhesis_app.sdk import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> tuple[ExporterSpec, ...]:
    """The workbook."""
    return (RESULTS,)
