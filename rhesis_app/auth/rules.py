"""Pure decisions of identity: what a password must be, how tokens look, how long things live."""

import re
import secrets
import string
import zlib
from datetime import timedelta
from typing import Final

import pyotp
from pyotp.exceptions import OTPVerificationError

from rhesis_app.kernel.errors import Invalid

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE32: Final = string.ascii_lowercase + "234567"
_RECOVERY: Final = re.compile(r"[a-z2-7]{25}")
_SIX_DIGITS: Final = re.compile(r"[0-9]{6}")
API_TOKEN: Final = re.compile(r"rhx_[0-9A-Za-z]{36}")
IDLE: Final = timedelta(hours=12)
SESSION_LIFE: Final = timedelta(days=7)
STAY_LIFE: Final = timedelta(days=30)
ONE_TIME_LIFE: Final = timedelta(days=7)
RESET_LIFE: Final = timedelta(minutes=30)
FRESH: Final = timedelta(minutes=10)
"""How old a sign-in may be that stands for a password where there is none."""
SECOND_STEP_LIFE: Final = timedelta(minutes=10)
LETTER_LIFE: Final = timedelta(minutes=30)
THEMES: Final = ("auto", "light", "dark")
FAILURES_PER_ACCOUNT: Final = 10
FAILURES_PER_ADDRESS: Final = 30
FAILURE_WINDOW_MINUTES: Final = 15
LETTERS_PER_ACCOUNT: Final = 3
RECOVERY_CODES: Final = 10
MOST_TOKEN_DAYS: Final = 365

# The first that is found: most browsers also carry the names of those they descend from.
_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip

# Long passwords that stand in every list of leaked ones; shorter ones are refused by length.
_COMMON_TEXT: Final = """
123456789012 1234567890123 12345678901234 123456789123 123123123123 1q2w3e4r5t6y 1qaz2wsx3edc qwertyuiop12 qwertyuiop123
qwertyuiopasdf qwerty123456 qwerty1234567 password1234 password12345 password123456 passwordpassword password12!! iloveyou1234
letmein12345 welcome12345 welcome123456 administrator admin1234567 adminadminadmin changeme1234 changemechangeme
football1234 baseball1234 monkey123456 dragon123456 sunshine1234 princess1234 superman1234 abcdefghijkl abcdefghijklm
aaaaaaaaaaaa 111111111111 000000000000 asdfghjkl123 zxcvbnm12345 1234qwerasdf q1w2e3r4t5y6 correcthorsebatterystaple
trustno1trustno1 abc123abc123
"""
_COMMON: Final = frozenset(_COMMON_TEXT.split())


def check_password(password: str, *, email: str = "") -> None:
    """Raise Invalid unless 12 to 1,024 characters, not a common one, not one letter over and over, not the address itself."""
    if not 12 <= len(password) <= 1024:
        raise Invalid.field("password", "Use 12 to 1,024 characters; several words make a good one.")
    plain = password.lower()
    if plain in _COMMON or len(set(plain)) < 5:
        raise Invalid.field("password", "This password is easy to guess. Use several unrelated words.")
    if email and plain in {email.lower(), email.lower().partition("@")[0]}:
        raise Invalid.field("password", "The password must differ from the e-mail address.")


def device_of(user_agent: str | None) -> str:
    """A browser or program in a few words: `Firefox on Linux`, `curl`; what it says of itself where that is not known."""
    said = user_agent or ""
    browser = next((word for mark, word in _BROWSERS if mark in said), "")
    system = next((word for mark, word in _SYSTEMS if mark in said), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return said.partition("/")[0].strip()[:40] or "something unknown"


def new_api_token() -> str:
    """`rhx_`, 30 random characters, 6 of checksum: junk is recognised without asking the database."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(30))
    return f"rhx_{body}{_checksum(body)}"


def is_api_token(text: str) -> bool:
    """Whether `text` is well-formed and its checksum fits."""
    return API_TOKEN.fullmatch(text) is not None and text[34:] == _checksum(text[4:34])


def new_totp_secret() -> str:
    """160 random bits in base 32, as authenticator apps take them."""
    return pyotp.random_base32()


def totp_address(secret: str, email: str) -> str:
    """The `otpauth://` address of a secret, which authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Rhesis App")


def totp_step(secret: str, code: str, at: float) -> int | None:
    """The time step whose six digits these are, at most one of 30 s before or after `at` (seconds since 1970); None otherwise."""
    digits = "".join(code.split())
    if not _SIX_DIGITS.fullmatch(digits):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(digits, for_time=at, valid_window=1)
    except OTPVerificationError:
        return None


def new_recovery_code() -> str:
    """125 random bits as five groups of five letters and digits, none of which look alike in lower case."""
    letters = "".join(secrets.choice(_BASE32) for _ in range(25))
    return "-".join(letters[start : start + 5] for start in range(0, 25, 5))


def read_recovery_code(typed: str) -> str | None:
    """What was typed in the one form in which recovery codes are made; None when it cannot be one."""
    letters = re.sub(r"[\s-]", "", typed).lower()
    if not _RECOVERY.fullmatch(letters):
        return None
    return "-".join(letters[start : start + 5] for start in range(0, 25, 5))


def _checksum(body: str) -> str:
    value, made = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, len(ALPHABET))
        made = ALPHABET[rest] + made
    return made
