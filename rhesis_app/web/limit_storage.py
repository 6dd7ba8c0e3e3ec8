"""Where rate limits are counted: in Redis, with one round trip for the count and for the headers that tell of it."""

import threading
import time
from typing import NamedTuple

from limits.storage import RedisStorage

_PREFIX = "counted+"
_COUNT = b"""
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
if count == tonumber(ARGV[2]) then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return {count, redis.call('PTTL', KEYS[1])}
"""


class _Window(NamedTuple):
    key: str
    hits: int
    ends_at: float


class CountedStorage(RedisStorage):
    """Fixed windows whose hit also brings how long they last; the same thread's questions about that key need no further trip.

    Every request hits its key before it asks about it, so an answer is never older than the request.
    """

    STORAGE_SCHEME = [f"{_PREFIX}redis", f"{_PREFIX}rediss", f"{_PREFIX}unix"]  # noqa: RUF012 the library's own declaration

    def __init__(self, uri: str, **options: float | str | bool) -> None:
        super().__init__(uri.removeprefix(_PREFIX), **options)  # type: ignore[arg-type]  # options go through to the client
        self._count = self.get_connection().register_script(_COUNT)
        self._last = threading.local()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count of `key` with this hit, in a window of `expiry` seconds; the client's errors when Redis is away."""
        self._last.window = None
        count, left_ms = self._count([self.prefixed_key(key)], [expiry, amount])
        self._last.window = _Window(key, int(count), time.time() + max(int(left_ms), 0) / 1000)
        return int(count)

    def get(self, key: str) -> int:
        """The count of `key`: of this thread's last hit if it was this key's."""
        window = self._known(key)
        return super().get(key) if window is None else window.hits

    def get_expiry(self, key: str) -> float:
        """When the window of `key` ends, in seconds since 1970: of this thread's last hit if it was this key's."""
        window = self._known(key)
        return super().get_expiry(key) if window is None else window.ends_at

    def clear(self, key: str) -> None:
        """Forget the count of `key`."""
        self._last.window = None
        super().clear(key)

    def _known(self, key: str) -> _Window | None:
        window: _Window | None = getattr(self._last, "window", None)
        return window if window is not None and window.key == key else None


def storage_uri(redis_url: str) -> str:
    """The address by which the limits library finds `CountedStorage` on this Redis."""
    return f"{_PREFIX}{redis_url}"
