"""A run as one page to read, send and print."""

from plugins.html.exporter import RUN
from rhesis_app.sdk import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> tuple[ExporterSpec, ...]:
    """The printable page."""
    return (RUN,)
