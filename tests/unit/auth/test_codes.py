"""Codes of authenticator apps and recovery codes: what is made, and what is read of what people type."""

import re

import pyotp
import pytest

from rhesis_app.auth.rules import new_recovery_code, new_totp_secret, read_recovery_code, totp_address, totp_step

# RFC 6238, appendix B, the last six digits: seconds since 1970 and the code of that moment
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
MOMENTS = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.mark.parametrize(("at", "code"), MOMENTS)
def test_the_codes_are_those_of_the_standard(at: int, code: str) -> None:
    assert totp_step(SECRET, code, at) == at // 30
    assert totp_step(SECRET, f" {code[:3]} {code[3:]}\n", at) == at // 30


@pytest.mark.parametrize(("late", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_clock_may_differ_by_one_step(late: int, is_taken: bool) -> None:
    at = 1_111_111_109
    assert (totp_step(SECRET, "081804", at + late) == at // 30) is is_taken


@pytest.mark.parametrize(
    "typed", ["", " ", "81804", "0818040", "08180x", "０８１８０４", "٠٨١٨٠٤", "\ud800", "081804" * 50]
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert totp_step(SECRET, typed, 1_111_111_109) is None


def test_an_app_reads_the_address() -> None:
    secret = new_totp_secret()
    assert re.fullmatch(r"[A-Z2-7]{32}", secret)
    read = pyotp.parse_uri(totp_address(secret, "ada+tests@example.org"))
    assert (read.secret, read.name, read.issuer) == (secret, "ada+tests@example.org", "Rhesis App")


def test_a_recovery_code_is_read_however_it_is_typed() -> None:
    made = new_recovery_code()
    assert read_recovery_code(made) == made
    assert read_recovery_code(f"\t{made.upper().replace('-', ' ')} \n") == made
    assert read_recovery_code(made.replace("-", "")) == made


@pytest.mark.parametrize("typed", ["", "123456", "a" * 24, "a" * 26, "1" * 25, "é" * 25, "\ud800", "-" * 25, "ａ" * 25])
def test_what_is_no_recovery_code_is_none(typed: str) -> None:
    assert read_recovery_code(typed) is None
