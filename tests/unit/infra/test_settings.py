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


def test_an_openai_key_makes_the_instances_model_unless_it_is_kept_back() -> None:
    given = {**GOOD, "OPENAI_API_KEY": "sk-1"}
    shared = settings_from(given)
    assert (shared.openai_api_key, shared.openai_base_url) == ("sk-1", "https://api.openai.com/v1")
    assert "sk-1" not in repr(shared)
    assert settings_from({**given, "RHESIS_SHARE_OPENAI_KEY": "0"}).openai_api_key is None
    assert settings_from(GOOD).openai_api_key is None


def test_the_instances_model_may_answer_elsewhere() -> None:
    given = {**GOOD, "OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://localhost:11434/v1/"}
    made = settings_from({**given, "RHESIS_OPENAI_MODEL": "llama3"})
    assert (made.openai_base_url, made.openai_model) == ("http://localhost:11434/v1", "llama3")
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        settings_from({**given, "OPENAI_BASE_URL": "not an address"})
