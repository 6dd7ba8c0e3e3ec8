"""Clients that cost little: raw sockets that stay open, so that what is measured is the server.

python -m benchmarks.load '{"address": "127.0.0.1:8080", "requests": ["GET / HTTP/1.1…"], "clients": 8, "seconds": 3}'
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Rate:
    """What a round of asking saw: answers a second, and how long each took in milliseconds."""

    per_s: float
    times_ms: tuple[float, ...]


def get(url: str, headers: Mapping[str, str]) -> str:
    """A GET as it goes over the wire."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""])


def drive(url: str, requests: Sequence[str], *, clients: int = 8, seconds: float = 3.0) -> Rate:
    """`clients` ask one after another for `seconds`, in a process of their own. Any answer but a 200 ends the benchmark."""
    order = {"address": urlsplit(url).netloc, "requests": list(requests), "clients": clients, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", json.dumps(order)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    times = json.loads(done.stdout)
    return Rate(per_s=len(times) / seconds, times_ms=tuple(times))


class Client:
    """One connection."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send it and read the whole answer: its status and its body."""
        self.socket.sendall(request)
        while (found := self.held.partition(b"\r\n\r\n"))[1] == b"":
            self._more()
        head, _, rest = found
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if headers.get("transfer-encoding") == "chunked":
            raise RuntimeError("an answer in pieces")
        length = int(headers.get("content-length", "0"))
        self.held = rest
        while len(self.held) < length:
            self._more()
        body, self.held = self.held[:length], self.held[length:]
        return int(lines[0].split()[1]), body

    def _more(self) -> None:
        data = self.socket.recv(262144)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.held += data


def _work(order: Mapping[str, object]) -> list[float]:
    requests = [str(one).encode() for one in order["requests"]]  # type: ignore[attr-defined]
    until = time.perf_counter() + float(order["seconds"])  # type: ignore[arg-type]
    times: list[float] = []
    wrong: list[str] = []

    def client(first: int) -> None:
        try:
            connection, number = Client(str(order["address"])), first
            while (began := time.perf_counter()) < until:
                status, body = connection.ask(requests[number % len(requests)])
                if status != 200:
                    raise RuntimeError(f"{status}: {body[:300]!r}")
                times.append((time.perf_counter() - began) * 1000)
                number += 1
        except (OSError, RuntimeError) as problem:
            wrong.append(str(problem))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(int(order["clients"]))]  # type: ignore[call-overload]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        sys.exit(wrong[0])
    return times


if __name__ == "__main__":
    print(json.dumps(_work(json.loads(sys.argv[1]))))
