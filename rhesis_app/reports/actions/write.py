"""Letting a plugin write a run down."""

import logging
from typing import BinaryIO

from sqlalchemy.exc import SQLAlchemyError

from rhesis_app.kernel.errors import AppError
from rhesis_app.reports.rules import TooLarge
from rhesis_app.sdk import ExporterSpec, RunReport

_log = logging.getLogger(__name__)


class ExporterFailed(AppError):
    """A plugin's exporter raised; nothing of what it wrote is handed out."""

    status = 500
    title = "The export failed"


def write_report(exporter: ExporterSpec, report: RunReport, file: BinaryIO) -> None:
    """Let a plugin write the report into `file`, which stays open. Raises ExporterFailed when the plugin fails."""
    try:
        exporter.write(report, file)
    except (SQLAlchemyError, TooLarge):
        raise  # the rows are read while they are written, and the file is ours: neither is the plugin's failure
    except Exception as error:
        _log.exception("the exporter %s failed", exporter.key)
        raise ExporterFailed(
            f"The exporter “{exporter.key}” failed. Choose another format, and tell the author of its plugin."
        ) from error
