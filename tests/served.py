"""The tests' own application on a port, for what speaks HTTP: a browser, or a client of somebody else's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: whoever asks looks at the answer."""


@contextmanager
def served(wsgi_app: Callable[..., Any]) -> Iterator[str]:
    """`with served(app) as url:` answers there, each request in a thread of its own."""
    server = make_server("127.0.0.1", 0, wsgi_app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
