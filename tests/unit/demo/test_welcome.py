"""What `up` gets for the demonstration: a chatbot and a model, an open address, and a port that stays."""

from dataclasses import replace
from pathlib import Path

from rhesis_app.demo.actions.credentials import chatbot_port, fix_port, forget_credentials
from rhesis_app.infra.up import UpOptions
from rhesis_app.welcome import with_demo, with_first_link


def options_of(place: Path, **environment: str) -> UpOptions:
    return UpOptions(environment=environment, data_dir=place)


def test_chatbot_and_model_run_beside_the_rest(tmp_path: Path) -> None:
    fix_port(tmp_path, 8799)
    made = with_demo(options_of(tmp_path))
    assert [child.argv[-2:] for child in made.extra_children] == [("--port", "8799"), ("--port", "8800")]
    assert all(Path(child.argv[1]).is_file() for child in made.extra_children)
    assert made.after_ready is not None


def test_its_address_is_opened_beside_what_the_operator_opened(tmp_path: Path) -> None:
    fix_port(tmp_path, 8799)
    own = "127.0.0.1:8799,127.0.0.1:8800"
    assert with_demo(options_of(tmp_path)).environment["RHESIS_ALLOW_TARGETS"] == own
    opened = with_demo(options_of(tmp_path, RHESIS_ALLOW_TARGETS="10.0.0.0/8", OTHER="1")).environment
    assert opened == {"RHESIS_ALLOW_TARGETS": f"10.0.0.0/8,{own}", "OTHER": "1"}


def test_the_port_is_chosen_once(tmp_path: Path) -> None:
    first = with_demo(options_of(tmp_path / "data")).extra_children
    assert chatbot_port(tmp_path / "data")
    assert with_demo(options_of(tmp_path / "data")).extra_children == first


def test_a_removed_demonstration_does_not_come_back(tmp_path: Path) -> None:
    fix_port(tmp_path, 8799)
    forget_credentials(tmp_path)
    said: list[str] = []
    made = with_demo(replace(options_of(tmp_path), say=said.append))
    assert "delete demo.json" in said[0]
    assert made.extra_children == ()
    assert "RHESIS_ALLOW_TARGETS" not in made.environment
    assert made.after_ready is not None


def test_without_the_demonstration_nothing_else_runs(tmp_path: Path) -> None:
    made = with_first_link(options_of(tmp_path))
    assert made.extra_children == ()
    assert made.after_ready is not None
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_used_is_left_to_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    given = options_of(tmp_path / "file")
    assert with_demo(given) == given
