"""Where rate limits are counted: in Redis, with one round trip for each count and none for the headers that tell of it."""

import threading
import time
from typing import NamedTuple

from limits.storage import RedisStorage

_PREFIX = "counted+"
_KEPT = 2  # as many counts as a request has: its token's or address's, and its user's
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
    """Fixed windows whose hit also brings how long they last; the same thread's questions about its last keys need no further trip.

    Every request hits its keys before it asks about them, so an answer is never older than the request.
    """

    STORAGE_SCHEME = [f"{_PREFIX}redis", f"{_PREFIX}rediss", f"{_PREFIX}unix"]  # noqa: RUF012 the library's own declaration

    def __init__(self, uri: str, **options: float | str | bool) -> None:
        super().__init__(uri.removeprefix(_PREFIX), **options)  # type: ignore[arg-type]  # options go through to the client
        self._count = self.get_connection().register_script(_COUNT)
        self._last = threading.local()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count of `key` with this hit, in a window of `expiry` seconds; the client's errors when Redis is away."""
        before = [window for window in self._windows if window.key != key]
        self._last.windows = before
        count, left_ms = self._count([self.prefixed_key(key)], [expiry, amount])
        window = _Window(key, int(count), time.time() + max(int(left_ms), 0) / 1000)
        self._last.windows = [*before, window][-_KEPT:]
        return int(count)

    def get(self, key: str) -> int:
        """The count of `key`: of this thread's hit if it was one of the last."""
        window = self._known(key)
        return super().get(key) if window is None else window.hits

    def get_expiry(self, key: str) -> float:
        """When the window of `key` ends, in seconds since 1970: of this thread's hit if it was one of the last."""
        window = self._known(key)
        return super().get_expiry(key) if window is None else window.ends_at

    def clear(self, key: str) -> None:
        """Forget the count of `key`."""
        self._last.windows = []
        super().clear(key)

    @property
    def _windows(self) -> list[_Window]:
        windows: list[_Window] = getattr(self._last, "windows", [])
        return windows

    def _known(self, key: str) -> _Window | None:
        return next((window for window in self._windows if window.key == key), None)


def storage_uri(redis_url: str) -> str:
    """The address by which the limits library finds `CountedStorage` on this Redis."""
    return f"{_PREFIX}{redis_url}"
