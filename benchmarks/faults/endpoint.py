"""The application that is asked, in a process of its own: it counts calls and those in flight, and misbehaves as told.

`python -m benchmarks.faults.endpoint '{"behaviour": "plain", "seed": 1, "delay_s": 0.05}'` prints its port and serves until
its standard input ends. A call counts as in flight from its last byte until it was answered or its client went away.
"""

import asyncio
import contextlib
import email.utils
import functools
import gzip
import json
import random
import re
import select
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_CALLS = 3
"""Calls that a test may take, those not counted that were asked to come again."""
NUMBER = re.compile(rb"Question (\d+)")
KEY = re.compile(rb"(?i)\r\nidempotency-key: *([^\r]+)")
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_GIB = 1 << 30
_CHUNK = b"x" * 65536


def is_yes(number: int) -> bool:
    """Whether the right answer to a question, told from its number alone, is yes."""
    return number % 3 != 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the question's number, how many calls for the same test of a run came before, seconds since the first of all."""

    key: bytes
    number: int
    earlier: int
    age_s: float
    dice: random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; `wire` names something else to do than sending it."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: str = "send"
    is_trouble: bool = False


def right(call: Call) -> Reply:
    """The right answer."""
    return Reply(body=json.dumps({"reply": "yes" if is_yes(call.number) else "no"}).encode())


_BOMB = functools.cache(lambda: gzip.compress(bytes(200 << 20), compresslevel=9))


def rough(call: Call) -> Reply:
    """Of a hundred questions four fail at first and four for good, each in its own way."""
    place = call.number % 100
    for_good = {
        50: Reply(wire="gigabyte"),
        51: Reply(body=_BOMB(), headers={"Content-Encoding": "gzip"}),
        52: Reply(body=b'{"reply": "yes'),
        53: Reply(wire="endless"),
    }
    at_first = {10: "hang", 11: "drip", 12: "reset", 13: "truncated"}
    if place in for_good:
        return for_good[place]
    if place in at_first and not call.earlier:
        return Reply(wire=at_first[place], is_trouble=True)
    return right(call)


ROUGH = {50: "too_large", 51: "encoding", 52: "not_json", 53: "too_large"}
"""Error codes of `rough` by the last two digits of a question's number."""


@dataclass(slots=True)
class Storm:
    """Half of the calls are throttled for a while, with `Retry-After` in every form, right and wrong."""

    lasts_s: float
    has_asked_for_years: bool = False

    def __call__(self, call: Call) -> Reply:
        """The next answer; in the middle of the storm one asks for a wait of thirty years."""
        if call.age_s > self.lasts_s / 2 and not self.has_asked_for_years:
            self.has_asked_for_years = True
            return Reply(status=429, headers={"Retry-After": "999999999"}, is_trouble=True)
        return _throttled(call.dice) if call.age_s < self.lasts_s and call.dice.random() < 0.5 else right(call)


def _throttled(dice: random.Random) -> Reply:
    soon = email.utils.formatdate(time.time() + 1, usegmt=True)
    long_ago = email.utils.formatdate(time.time() - 3600, usegmt=True)
    form = dice.choice(["0", "1", soon, long_ago, "soon", "-5", "1.5", "", None])
    headers = {} if form is None else {"Retry-After": form}
    return Reply(status=dice.choice([429, 429, 503]) if form else 429, headers=headers, is_trouble=True)


def half(call: Call) -> Reply:
    """Every second call fails."""
    return right(call) if call.dice.random() < 0.5 else Reply(status=500, is_trouble=True)


Behaviour = Callable[[Call], Reply]


def behaviour_of(plan: Mapping[str, Any]) -> Behaviour:
    """The behaviour that a plan names."""
    if plan["behaviour"].startswith("storm"):
        return Storm(plan["lasts_s"], has_asked_for_years=plan["behaviour"] == "storm-without-years")
    if plan["behaviour"] == "rough":
        _BOMB()  # made now, so that nobody waits for it
    plain: dict[str, Behaviour] = {"plain": right, "rough": rough, "half": half}
    return plain[plan["behaviour"]]


@dataclass(slots=True)
class Counts:
    """What was seen; `trouble_until` is the time of day of the last answer that was none."""

    calls: int = 0
    most_in_flight: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    trouble_until: float = 0.0
    by_key: Counter[bytes] = field(default_factory=Counter)
    throttled: Counter[bytes] = field(default_factory=Counter)
    numbers: dict[bytes, int] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON: also the most calls that one test of a run took, without those that were asked to come again, and which took that many."""
        counted = self.by_key - self.throttled
        return {
            "calls": self.calls,
            "most_in_flight": self.most_in_flight,
            "last_at": self.last_at,
            "trouble_until": self.trouble_until,
            "throttled": self.throttled.total(),
            "most_per_test": max(counted.values(), default=0),
            "took_three": sorted(self.numbers[key] for key, calls in counted.items() if calls == MOST_CALLS),
        }


class Endpoint:
    """Serves; one task per connection. `_waiting` are the connections whose call is not answered yet."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._waiting: set[int] = set()
        self._behave = behaviour_of(plan)
        self._delay_s = float(plan["delay_s"])
        self._dice = random.Random(plan["seed"])
        self._counts = Counts()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, call after call."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /counts"):
            writer.write(_packed(Reply(body=json.dumps(self._counts.told()).encode())))
            await writer.drain()
            return True
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        async with self._counted(head, body, writer.get_extra_info("socket").fileno()) as call:
            reply = self._behave(call)
            if reply.is_trouble:
                self._counts.trouble_until = time.time()
            if reply.status in {429, 503}:
                self._counts.throttled[call.key] += 1
            if not await _still_there(reader, self._delay_s):
                return False
            if reply.wire == "send":
                writer.write(_packed(reply))
                return True
            await getattr(self, f"_{reply.wire}")(reader, writer)
            return False

    @contextlib.asynccontextmanager
    async def _counted(self, head: bytes, body: bytes, connection: int) -> AsyncIterator[Call]:
        counts, found, named = self._counts, NUMBER.search(body), KEY.search(head)
        number, key = int(found[1]) if found else -1, named[1] if named else b""
        now = time.time()
        counts.first_at = counts.first_at or now
        counts.last_at = now
        call = Call(key, number, counts.by_key[key], now - counts.first_at, self._dice)
        counts.calls += 1
        counts.by_key[key] += 1
        counts.numbers[key] = number
        self._waiting.add(connection)
        if len(self._waiting) > counts.most_in_flight:
            counts.most_in_flight = max(counts.most_in_flight, sum(map(_is_there, self._waiting)))
        try:
            yield call
        finally:
            self._waiting.discard(connection)

    async def _hang(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while await _still_there(reader, 0.05):
            writer.write(b" ")
            await writer.drain()

    async def _reset(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def _truncated(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"reply": "yes')
        await writer.drain()

    async def _gigabyte(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {_GIB}\r\n\r\n".encode())
        for _ in range(_GIB // len(_CHUNK)):
            writer.write(_CHUNK)
            await writer.drain()
            await asyncio.sleep(0)  # without it nothing else is heard while the client takes all of it at once

    async def _endless(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
            await writer.drain()
            await asyncio.sleep(0)


def _is_there(connection: int) -> bool:
    """Whether a client still waits; asked of the kernel, because our own news of it may be a moment old."""
    polled = select.poll()
    polled.register(connection, _GONE)
    return not polled.poll(0)


async def _still_there(reader: asyncio.StreamReader, delay_s: float) -> bool:
    """Wait, and tell whether the client did too: nobody sends a second call before the first is answered."""
    try:
        await asyncio.wait_for(reader.read(1), delay_s)
    except TimeoutError:
        return True
    return False


def _packed(reply: Reply) -> bytes:
    headers = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(reply.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode() + reply.body


async def main(plan: Mapping[str, Any]) -> None:
    """Serve until the process that asked for it is gone."""
    server = await asyncio.start_server(Endpoint(plan).serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(json.loads(sys.argv[1])))
