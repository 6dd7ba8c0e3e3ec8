"""A run as the test report that CI servers read."""

from plugins.junit.exporter import XML
from rhesis_app.sdk import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> tuple[ExporterSpec, ...]:
    """The JUnit report."""
    return (XML,)
