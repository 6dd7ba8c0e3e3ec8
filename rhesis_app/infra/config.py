"""Settings: the one reader of the environment. Every name here stands in docs/configuration.md and .env.example."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from rhesis_app.infra.mail import MailAddressError, MailServer
from rhesis_app.infra.oidc_settings import OidcSettings, OidcSettingsError, oidc_from
from rhesis_app.kernel.urls import UrlProblem, parse_url

DATABASE_EXAMPLE = "postgresql://user:password@host:5432/rhesis"
OPENAI_BASE_URL = "https://api.openai.com/v1"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names it and says what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one process runs with. Secrets never appear in its repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    database_owner_url: str | None = field(default=None, repr=False)
    database_pool: int = 10
    jwt_algorithm: str = "HS256"
    access_token_minutes: int = 10
    external_url: str | None = None
    bind: str = "127.0.0.1:8080"
    allow_http: bool = False
    trusted_hosts: tuple[str, ...] = ()
    trusted_proxies: int = 0
    cors_origins: tuple[str, ...] = ()
    open_registration: bool = False
    allow_targets: str = ""
    allow_local_targets: bool = False
    plugins_enabled: frozenset[str] | None = None
    plugins_disabled: frozenset[str] = frozenset()
    plugins_strict: bool = False
    rate_limit_token: int = 1200
    rate_limit_anonymous: int = 120
    metrics_token: str | None = field(default=None, repr=False)
    log_level: str = "INFO"
    data_directory: Path = Path(".rhesis")
    report_days: int = 30
    mail_server: MailServer | None = field(default=None, repr=False)
    oidc: OidcSettings | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str = OPENAI_BASE_URL
    openai_model: str = "gpt-4o-mini"

    @property
    def site_url(self) -> str | None:
        """Where people reach this instance, for links that leave it; None when nobody has said."""
        if self.external_url is not None:
            return self.external_url
        return f"http://{self.bind}" if is_loopback(self.bind) else None

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are `Secure` with the `__Host-` prefix: always on https, never on permitted plain HTTP."""
        if self.external_url is not None:
            return self.external_url.startswith("https://")
        return not (self.allow_http or is_loopback(self.bind))

    @property
    def plain_http_allowed(self) -> bool:
        """Whether serving plain HTTP to browsers is a choice somebody made (or loopback, where nobody listens in)."""
        return self.allow_http or is_loopback(self.bind)


def is_loopback(bind: str) -> bool:
    """Whether `host:port` listens on this machine alone."""
    return bind.rpartition(":")[0].strip("[]") in _LOOPBACK


def read_environment(directory: Path | None = None) -> dict[str, str]:
    """The process's environment over a `.env` file of `directory` (default: the current one). Empty values count as unset."""
    file_values = dotenv_values((directory or Path.cwd()) / ".env", interpolate=False)
    merged = {name: value for name, value in file_values.items() if value is not None} | dict(os.environ)
    return {name: value for name, value in merged.items() if value != ""}


def environment_of_programs(**added: str) -> dict[str, str]:
    """The process's whole environment with `added` over it, for another house's program that has settings of its own there."""
    return {**os.environ, **added}


def is_flask_command() -> bool:
    """Whether Flask's own command line runs us, as Flask says there."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Make Settings, loudly: a missing or malformed value raises ConfigurationError with the name and what to do."""
    read = _Reader(environment)
    settings = Settings(
        database_url=with_driver(required(environment, "DATABASE_URL", DATABASE_EXAMPLE)),
        redis_url=required(environment, "REDIS_URL", "redis://host:6379/0"),
        secret_keys=read.secret_keys(),
        encryption_keys=encryption_keys(environment),
        database_owner_url=with_driver(owner) if (owner := read.optional("RHESIS_DATABASE_OWNER_URL")) else None,
        database_pool=read.number("RHESIS_DB_POOL", 10, 1, 100),
        jwt_algorithm=read.one_of("JWT_ALGORITHM", "HS256", _ALGORITHMS),
        access_token_minutes=read.number("RHESIS_ACCESS_TOKEN_MINUTES", 10, 1, 60),
        external_url=read.origin("RHESIS_EXTERNAL_URL"),
        bind=read.optional("RHESIS_BIND") or "127.0.0.1:8080",
        allow_http=read.flag("RHESIS_ALLOW_HTTP"),
        trusted_hosts=read.listed("RHESIS_TRUSTED_HOSTS"),
        trusted_proxies=read.number("RHESIS_TRUSTED_PROXIES", 0, 0, 8),
        cors_origins=read.listed("RHESIS_CORS_ORIGINS"),
        open_registration=read.flag("RHESIS_OPEN_REGISTRATION"),
        allow_targets=read.optional("RHESIS_ALLOW_TARGETS") or "",
        allow_local_targets=read.flag("RHESIS_ALLOW_LOCAL_TARGETS"),
        plugins_enabled=frozenset(read.listed("RHESIS_PLUGINS_ENABLED")) or None,
        plugins_disabled=frozenset(read.listed("RHESIS_PLUGINS_DISABLED")),
        plugins_strict=read.flag("RHESIS_PLUGINS_STRICT"),
        rate_limit_token=read.number("RHESIS_RATE_LIMIT_TOKEN", 1200, 1, 10_000_000),
        rate_limit_anonymous=read.number("RHESIS_RATE_LIMIT_ANONYMOUS", 120, 1, 10_000_000),
        metrics_token=read.optional("RHESIS_METRICS_TOKEN"),
        log_level=read.one_of("RHESIS_LOG_LEVEL", "INFO", frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})),
        data_directory=Path(read.optional("RHESIS_DATA") or ".rhesis"),
        report_days=read.number("RHESIS_REPORT_DAYS", 30, 1, 3650),
        mail_server=read.mail_server("RHESIS_SMTP_URL", "RHESIS_MAIL_FROM"),
        oidc=read.oidc(),
        openai_api_key=read.optional("OPENAI_API_KEY") if read.flag("RHESIS_SHARE_OPENAI_KEY", default="1") else None,
        openai_base_url=read.web_address("OPENAI_BASE_URL", OPENAI_BASE_URL),
        openai_model=read.optional("RHESIS_OPENAI_MODEL") or "gpt-4o-mini",
    )
    _refuse_unsafe(settings)
    return settings


def _refuse_unsafe(settings: Settings) -> None:
    url = settings.external_url
    if url is None or url.startswith("https://") or settings.allow_http:
        return
    if (urlsplit(url).hostname or "") not in _LOOPBACK:
        raise ConfigurationError(
            f"RHESIS_EXTERNAL_URL={url} would send passwords over plain HTTP. Use https://, or set RHESIS_ALLOW_HTTP=1 "
            "if something else protects that network."
        )


def required(environment: Mapping[str, str], name: str, example: str) -> str:
    """The value of `name`; ConfigurationError with an example when it is missing."""
    value = environment.get(name, "").strip()
    if value:
        return value
    raise ConfigurationError(
        f"{name} is not set. Set it like {name}={example}, or start with `rhesis-app up`, which brings its own."
    )


def encryption_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that seal stored credentials, the first of which is in use; none where nobody has named any."""
    return _Reader(environment).listed("RHESIS_ENCRYPTION_KEYS")


def with_driver(url: str) -> str:
    """Name the driver, so that the URLs that hosting services print work as they are."""
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg2"} and separator:
        return f"postgresql+psycopg2://{rest}"
    raise ConfigurationError(f"DATABASE_URL starts with “{scheme}”; only PostgreSQL is supported: {DATABASE_EXAMPLE}")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed look-ups with errors that name the variable."""

    environment: Mapping[str, str]

    def optional(self, name: str) -> str | None:
        return self.environment.get(name, "").strip() or None

    def listed(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in (self.optional(name) or "").split(",") if part.strip())

    def flag(self, name: str, *, default: str = "") -> bool:
        value = (self.optional(name) or default).lower()
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise ConfigurationError(f"{name}={value} is neither on nor off. Use 1 or 0.")

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.optional(name)
        if value is None:
            return default
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ConfigurationError(f"{name}={value} must be a whole number from {low} to {high}.")
        return int(value)

    def one_of(self, name: str, default: str, allowed: frozenset[str]) -> str:
        value = self.optional(name) or default
        if value not in allowed:
            raise ConfigurationError(f"{name}={value} must be one of {', '.join(sorted(allowed))}.")
        return value

    def origin(self, name: str) -> str | None:
        value = self.optional(name)
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ConfigurationError(f"{name}={value} must be an origin such as https://rhesis.example.org")
        return value.rstrip("/")

    def web_address(self, name: str, default: str) -> str:
        value = self.optional(name) or default
        try:
            parse_url(value)
        except UrlProblem as problem:
            raise ConfigurationError(f"{name} cannot be used: {problem}") from problem
        return value.rstrip("/")

    def mail_server(self, url_name: str, sender_name: str) -> MailServer | None:
        url = self.optional(url_name)
        if url is None:
            return None
        sender = required(self.environment, sender_name, "“Rhesis App <rhesis@example.org>”")
        try:
            return MailServer.parse(url, sender)
        except MailAddressError as problem:
            raise ConfigurationError(f"{url_name} with {sender_name} {problem}.") from problem

    def oidc(self) -> OidcSettings | None:
        try:
            found = oidc_from(self.environment, allow_http=self.flag("RHESIS_ALLOW_HTTP"))
        except OidcSettingsError as problem:
            raise ConfigurationError(str(problem)) from problem
        bind = self.optional("RHESIS_BIND")
        if found is not None and self.optional("RHESIS_EXTERNAL_URL") is None and bind and not is_loopback(bind):
            raise ConfigurationError("RHESIS_EXTERNAL_URL is not set: single sign-on sends people back there.")
        return found

    def secret_keys(self) -> tuple[str, ...]:
        keys = self.listed("SECRET_KEY")
        if not keys:
            required(self.environment, "SECRET_KEY", "$(python3 -c 'import secrets; print(secrets.token_urlsafe(48))')")
        short = [key for key in keys if len(key.encode()) < 32]
        if short:
            raise ConfigurationError(
                "SECRET_KEY needs at least 32 bytes; make one with python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        return keys
