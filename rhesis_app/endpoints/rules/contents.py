"""What makes an answer: the content of a request, as one hash."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def content_hash(shown: Mapping[str, Any], headers: Mapping[str, str], trial: int) -> str:
    """SHA-256 (64 hex digits) over the canonical JSON of method, URL and body as sent, the endpoint's own headers, and the trial.

    `shown` is `{"method", "url", "body"}`, `headers` those without credentials. The order of names does not matter, nor
    the case of a header's.
    """
    content = {
        **{name: shown[name] for name in ("method", "url", "body")},
        "headers": sorted((name.lower(), value) for name, value in headers.items()),
        "trial": trial,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
