"""The application that is asked: an HTTP server in a process of its own that costs little and keeps a log of its calls.

    python -m benchmarks.endpoint --delay-ms 50
    python -m benchmarks.endpoint --long-tail --throttle 0.02

It prints its address. `POST` anything: `{"message": …}` is answered by `{"reply": "yes …"}`. `GET /log` gives one
`[arrived, ended, status]` for each call, in seconds of its clock, and forgets them.
"""

import argparse
import asyncio
import json
import math
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

_MEAN_S = 2.0
_SPREAD = 0.6  # of the logarithm: half of the answers take 1.67 s, one in a hundred 6.7 s
_PIECES = 8


class Asked(asyncio.Protocol):
    """One connection; requests come one after another."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect until a request is whole."""
        self.held += data
        head, found, rest = self.held.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(rest) < length:
            return
        self.held = rest[length:]
        if head.startswith(b"GET"):
            self.server.tell(self)
        else:
            self.server.asked(self, rest[:length])

    def send(self, status: int, body: bytes) -> None:
        """A whole answer."""
        head = f"HTTP/1.1 {status} Here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


class Server:
    """Decides how long each call takes, and remembers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.random = random.Random(20_000)
        self.log: list[tuple[float, float, int]] = []
        self.tasks: set[asyncio.Future[None]] = set()

    def tell(self, connection: Asked) -> None:
        """What was asked since the last time."""
        said, self.log = json.dumps(self.log).encode(), []
        connection.send(200, said)

    def asked(self, connection: Asked, body: bytes) -> None:
        """Answer now, later, or bit by bit."""
        arrived = time.monotonic()
        if self.options.throttle and self.random.random() < self.options.throttle:
            connection.send(429, b'{"error": "slow down"}')
            self.log.append((arrived, time.monotonic(), 429))
            return
        reply = json.dumps({"reply": "yes " + json.loads(body)["message"]}).encode()
        if self.options.long_tail:
            takes = self.random.lognormvariate(math.log(_MEAN_S) - _SPREAD**2 / 2, _SPREAD)
            task = asyncio.ensure_future(self.stream(connection, reply, takes, arrived))
            self.tasks.add(task)  # the loop alone would let go of it
            task.add_done_callback(self.tasks.discard)
            return
        if not self.options.delay_ms:
            self.whole(connection, reply, arrived)
            return
        asyncio.get_running_loop().call_later(self.options.delay_ms / 1000, self.whole, connection, reply, arrived)

    def whole(self, connection: Asked, reply: bytes, arrived: float) -> None:
        """The answer in one piece."""
        connection.send(200, reply)
        self.log.append((arrived, time.monotonic(), 200))

    async def stream(self, connection: Asked, reply: bytes, takes: float, arrived: float) -> None:
        """The answer in pieces over its time, as models do."""
        connection.transport.write(
            b"HTTP/1.1 200 Here\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        size = -(-len(reply) // _PIECES)
        parts = [reply[at : at + size] for at in range(0, len(reply), size)]
        for number, part in enumerate(parts, start=1):
            await asyncio.sleep(arrived + takes * number / len(parts) - time.monotonic())
            connection.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
        connection.transport.write(b"0\r\n\r\n")
        self.log.append((arrived, time.monotonic(), 200))


async def _serve(options: argparse.Namespace) -> None:
    server = Server(options)
    listening = await asyncio.get_running_loop().create_server(lambda: Asked(server), "127.0.0.1", 0, backlog=512)
    port = listening.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/chat", flush=True)
    await listening.serve_forever()


@contextmanager
def endpoint(delay_ms: int = 0, *, long_tail: bool = False, throttle: float = 0.0) -> Iterator[str]:
    """Its address while it serves."""
    words = [f"--delay-ms={delay_ms}", f"--throttle={throttle}", *(["--long-tail"] if long_tail else [])]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.endpoint", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def take_log(url: str) -> list[tuple[float, float, int]]:
    """(arrived, ended, status) of every call since the last look."""
    with urllib.request.urlopen(url.replace("/chat", "/log")) as answer:
        return [(one[0], one[1], one[2]) for one in json.load(answer)]


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endpoint")
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--long-tail", action="store_true", help="log-normal times of 2 s on average, in pieces")
    parser.add_argument("--throttle", type=float, default=0.0, help="share of calls answered by 429")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
