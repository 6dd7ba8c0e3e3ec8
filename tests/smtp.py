"""A real SMTP server on loopback that keeps what it takes, and can be told to be slow, to refuse, or to die in between."""

import email
import email.policy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Taken:
    """A letter that the server took."""

    recipient: str
    message: EmailMessage

    @property
    def id(self) -> str:
        """Its Message-ID."""
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        """Its plain part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        """Its HTML part."""
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class PostBox:
    """What came in. `refuse` answers a recipient with a status line; `on_data` runs before the content is taken, `after_data`
    when it is, before the server says so."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    on_rcpt: Callable[[str], None] = lambda _address: None
    on_data: Callable[[str], str | None] = lambda _address: None
    after_data: Callable[[str], None] = lambda _address: None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """Refuse, or take note of the recipient."""
        self.on_rcpt(address)
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep the letter, unless `on_data` says something else."""
        answer = self.on_data(envelope.rcpt_tos[0])
        if answer is not None and not answer.startswith("250"):
            return answer
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.extend(Taken(recipient, message) for recipient in envelope.rcpt_tos)
        self.after_data(envelope.rcpt_tos[0])
        return "250 OK"

    @property
    def url(self) -> str:
        """What RHESIS_SMTP_URL would be."""
        return f"smtp://127.0.0.1:{self.port}"

    def await_count(self, count: int, timeout_s: float = 20.0) -> None:
        """Until that many letters are there."""
        until = time.monotonic() + timeout_s
        while len(self.taken) < count:
            assert time.monotonic() < until, f"{len(self.taken)} of {count} letters"
            time.sleep(0.02)


class _Controller(Controller):
    def __init__(self, box: PostBox) -> None:
        super().__init__(box, hostname="127.0.0.1", port=0, ready_timeout=10)

    def _trigger_server(self) -> None:
        """The library connects to the port it was given; ours is chosen by the system."""
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def post_box() -> Iterator[PostBox]:
    """A server that runs until the end of the block."""
    box = PostBox()
    controller = _Controller(box)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()
