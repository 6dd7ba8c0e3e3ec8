"""The threads of a slice, and what waits for them: an item held ahead is begun by the next thread that is free."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

from rhesis_app.runs.actions.claim import Item


class Askers:
    """As many threads as may ask at once. Only the slice's main thread calls the methods.

    Writing answers and claiming takes longer than a fast endpoint's answer; threads that wait for it meanwhile have nothing
    to ask. So as many items are held ahead as were answered since the last writing: few beside a slow endpoint, at most one
    for each thread, and none where `holds_ahead` is False.
    """

    def __init__(self, threads: int, *, holds_ahead: bool) -> None:
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="ask")
        self._most = self.threads if holds_ahead else 0
        self._begun: dict[tuple[UUID, int], tuple[Item, Future[None]]] = {}
        self._reserve = 0

    def ask(self, item: Item, work: Callable[[Item], None]) -> None:
        """Let the next free thread do `work` with the item."""
        self._begun[item.key] = item, self._pool.submit(work, item)

    def answered(self, items: Sequence[Item]) -> None:
        """These are done."""
        for item in items:
            self._begun.pop(item.key, None)
        if items:
            self._reserve = min(self._most, max(len(items), self._reserve - self._reserve // 4))

    def ahead(self, width: int) -> int:
        """How many items to hold besides `width` at once: none unless every thread may ask."""
        return self._reserve if width == self.threads else 0

    def recall(self) -> list[Item]:
        """Take back what no thread has begun."""
        back = [item for item, future in self._begun.values() if future.cancel()]
        for item in back:
            del self._begun[item.key]
        return back

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
