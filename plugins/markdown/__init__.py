"""A run as Markdown, for merge requests, chats and notes."""

from plugins.markdown.exporter import RUN
from rhesis_app.sdk import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> tuple[ExporterSpec, ...]:
    """The Markdown summary."""
    return (RUN,)
