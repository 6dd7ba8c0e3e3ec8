"""Doors and how to use them."""

import pytest

from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.kernel.ports import OutboundRequest


@pytest.fixture
def open_door():
    """Makes doors and closes them; `allow_local` is on unless said otherwise."""
    made = []

    def make(allow="", *, allow_local=True, **rest):
        made.append(OutboundDoor(AllowList.parse(allow), allow_local=allow_local, **rest))
        return made[-1]

    yield make
    for door in made:
        door.close()


@pytest.fixture
def ask():
    """Makes a request to a URL."""

    def make(url, *, timeout_s=5.0, **rest):
        return OutboundRequest(
            method=rest.pop("method", "POST"),
            url=url,
            body=rest.pop("body", b'{"message":"hi"}'),
            timeout_s=timeout_s,
            **rest,
        )

    return make
