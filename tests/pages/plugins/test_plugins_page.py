"""The page that says what is installed."""

from dataclasses import replace

import pytest

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.registry import LoadedPlugin
from tests.people import Person


def test_it_names_every_plugin_and_what_it_offers(alice: Person, host: Runtime) -> None:
    page = alice.web.get("/settings/plugins").text
    for plugin in host.registry.plugins:
        assert f'<th scope="row">{plugin.name}</th>' in page
    assert "Regular expression" in page
    assert "JUnit XML" in page


def test_a_broken_plugin_stands_there_with_its_error(
    bob: Person, host: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = LoadedPlugin(
        name="toxicity", distribution="rhesis-toxicity", version="0.3", error="It needs the module <torch>."
    )
    monkeypatch.setattr(host, "registry", replace(host.registry, plugins=(*host.registry.plugins, broken)))
    page = bob.web.get("/settings/plugins").text
    assert "It needs the module &lt;torch&gt;." in page
    assert "Not loaded" in page
    listed = {item["name"]: item for item in bob.api.get("/plugins").json}
    assert (listed["toxicity"]["error"], listed["toxicity"]["offers"]) == (broken.error, [])


def test_it_needs_a_sign_in(alice: Person) -> None:
    answer = alice.app.test_client().get("/settings/plugins")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")
