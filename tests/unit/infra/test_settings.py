"""Settings are read loudly: what is wrong is named, with what to do."""

import pytest

from rhesis_app.infra.config import ConfigurationError, Settings, settings_from

GOOD = {
    "DATABASE_URL": "postgres://user:hidden-password@db/rhesis",
    "REDIS_URL": "redis://cache",
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "RHESIS_ENCRYPTION_KEYS": "key-one,key-two",
}


def read(**changes: str) -> Settings:
    return settings_from({**GOOD, **changes})


def test_a_hosting_services_url_gets_its_driver() -> None:
    assert read().database_url == "postgresql+psycopg2://user:hidden-password@db/rhesis"


def test_nothing_secret_shows_in_its_repr() -> None:
    shown = repr(read(RHESIS_METRICS_TOKEN="hidden-token"))
    assert not [secret for secret in ("hidden", "0123456789", "key-one", "cache") if secret in shown]


def test_lists_are_split_at_commas() -> None:
    assert read().encryption_keys == ("key-one", "key-two")
    assert read(RHESIS_PLUGINS_DISABLED="a, b ,").plugins_disabled == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://db/x"),
        ("REDIS_URL", ""),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "too short"),
        ("JWT_ALGORITHM", "none"),
        ("RHESIS_ACCESS_TOKEN_MINUTES", "0"),
        ("RHESIS_ACCESS_TOKEN_MINUTES", "ten"),
        ("RHESIS_OPEN_REGISTRATION", "perhaps"),
        ("RHESIS_EXTERNAL_URL", "rhesis.example.org"),
        ("RHESIS_EXTERNAL_URL", "http://rhesis.example.org"),
        ("RHESIS_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(**{name: value})


def test_plain_http_needs_loopback_or_somebodys_word() -> None:
    assert read(RHESIS_EXTERNAL_URL="http://localhost:8080").secure_cookies is False
    assert read(RHESIS_EXTERNAL_URL="http://intranet", RHESIS_ALLOW_HTTP="1").secure_cookies is False
    assert read(RHESIS_EXTERNAL_URL="https://rhesis.example.org").secure_cookies is True
    assert read(RHESIS_BIND="0.0.0.0:8080").secure_cookies is True
    assert read(RHESIS_BIND="127.0.0.1:8080").secure_cookies is False
