"""A run's results as a table for spreadsheets."""

from plugins.csv.exporter import RESULTS
from rhesis_app.sdk import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> tuple[ExporterSpec, ...]:
    """The results table."""
    return (RESULTS,)
