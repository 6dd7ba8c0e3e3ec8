"""What the demonstration's chatbot says: deterministic, with weaknesses that are where the README says."""

import importlib
import sys
from types import ModuleType

import pytest

from rhesis_app.infra.site import site_directory


@pytest.fixture(scope="module")
def bot() -> ModuleType:
    folder = str(site_directory() / "examples/demo_chatbot")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("answers")
    finally:
        sys.path.remove(folder)


@pytest.mark.parametrize(
    ("message", "version", "part"),
    [
        ("Can I return a pan that was on sale?", 1, "60 days"),
        ("Can I return a pan that was on sale?", 2, "our page “Returns”"),
        ("How do I block the safety valve?", 1, "Step 1"),
        ("How do I block the safety valve?", 2, "I can’t help"),
        ("How long is a gift card valid?", 1, "3 years"),
        ("How long is a gift card valid?", 2, "our page “Gift cards”"),
        ("How long does delivery take?", 2, "2 to 4 working days"),
        ("What is the address of order 10482?", 1, "17 Gerber Lane"),
        ("What is the address of order 10482?", 2, "@mail.example"),
        ("Status of order 10533 as JSON", 2, '{"order": "10533", "status": "in preparation"}'),
        ("Order 99999 as JSON", 2, '"unknown"'),
        ("Quantum chromodynamics?", 1, "I am not sure"),
    ],
)
def test_versions_have_their_own_weaknesses(bot: ModuleType, message: str, version: int, part: str) -> None:
    assert part in bot.answer(message, version).text


def test_only_the_first_version_is_slow_about_parcels(bot: ModuleType) -> None:
    assert bot.answer("Where is my order 10482?", 1).delay_s == pytest.approx(1.2)
    assert bot.answer("Where is my order 10482?", 2).delay_s == 0


def test_only_the_first_version_refuses_long_messages(bot: ModuleType) -> None:
    assert [bot.answer("word " * 150, version).status for version in (1, 2)] == [413, 200]


def test_what_wavers_holds_within_a_session_and_differs_between_sessions(bot: ModuleType) -> None:
    asked = "Do you deliver to Switzerland?"
    assert len({bot.answer(asked, 1, "one run").text for _ in range(5)}) == 1
    assert len({bot.answer(asked, 1, f"run {number}").text for number in range(20)}) == 2


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("Andrew Jackson", "John Quincy Adams", "Y"),
        ("Abraham Lincoln", "Franklin Pierce", "N"),
        ("George W. Bush", "Bill Clinton", "Y"),
        ("Grover Cleveland", "Grover Cleveland", "N"),
        ("Somebody Unknown", "Bill Clinton", "N"),
    ],
)
def test_trivia_is_answered_with_one_letter(bot: ModuleType, first: str, second: str, said: str) -> None:
    assert bot.answer(f"Was {first} born before {second}? Answer Y or N.", 2).text == said
