"""What can be told of deploy/ without a container engine."""

import re
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "deploy" / "compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
OURS = ("migrate", "web", "run-worker", "job-worker")


def test_only_the_migration_gets_the_owner() -> None:
    owners = {
        name for name, service in SERVICES.items() if "RHESIS_DATABASE_OWNER_URL" in service.get("environment", {})
    }
    assert owners == {"migrate"}
    assert all("rhesis_app:" in SERVICES[name]["environment"]["DATABASE_URL"] for name in OURS)


def test_everybody_waits_for_the_migration() -> None:
    for name in ("web", "run-worker", "job-worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_our_containers_have_no_privileges() -> None:
    for name in OURS:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True
    assert re.search(r"^USER 10001", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)


def test_only_nginx_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]


def test_nginx_gets_the_name_of_the_web_service() -> None:
    old = re.search(r"sed 's/(.+?)/(.+?)/'", SERVICES["nginx"]["command"][-1])
    assert old is not None
    assert (ROOT / "nginx.conf").read_text().count(old[1]) == 1
    assert old[2].startswith("server web:")


def test_every_variable_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in re.findall(r"\$\{([A-Z_]+)", COMPOSE):
        assert re.search(rf"^#?{name}=", example, re.MULTILINE), name


def test_nothing_secret_has_a_default_but_to_be_left_out() -> None:
    for name in re.findall(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|KEYS?))(?!\w)([^}]*)\}", COMPOSE):
        assert name[1].startswith(":?") or name[1] == ":-", name[0]
