"""A whole run as one JSON document."""

from plugins.json.exporter import RUN
from rhesis_app.sdk import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> tuple[ExporterSpec, ...]:
    """The run document."""
    return (RUN,)
