"""Files made for one request: written to disk first, so that a failure is still an error and memory stays flat."""

from collections.abc import Callable, Iterator
from io import SEEK_END
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from flask import Response
from werkzeug.datastructures import Headers

_CHUNK = 64 * 1024


def download(write: Callable[[BinaryIO], None], *, name: str, media_type: str) -> Response:
    """Let `write` fill a temporary file and answer it as an attachment called `name`; it is gone once it is sent."""
    headers = Headers()
    headers.set("Content-Disposition", "attachment", filename=name)
    headers["Cache-Control"] = "no-store"
    file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 closed by _chunks, or below
    try:
        write(file)
        size = file.seek(0, SEEK_END)  # a plugin may have left off anywhere
        file.seek(0)
    except BaseException:
        file.close()
        raise
    response = Response(_chunks(file), headers=headers, content_type=media_type)
    response.content_length = size
    return response


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
