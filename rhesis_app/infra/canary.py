"""Whether the encryption keys are those of the data: a known text was sealed at the first start, and is opened at every other."""

from typing import Final
from uuid import UUID

from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.pool import NullPool

from rhesis_app.infra.crypto import CANARY, SecretBox
from rhesis_app.infra.models import KeyCanary

WRONG_KEYS: Final = (
    "RHESIS_ENCRYPTION_KEYS does not hold the key that this data is sealed with, so no stored credential could be sent. Put that key back, "
    "after the new one if there is one (with `rhesis-app up` it is in secrets.json of the data directory, and in backups). If it is lost: "
    "`rhesis-app keys rotate --lost`."
)
_TEXT: Final = "These are the keys."
_NOBODY: Final = UUID(int=0)
_EXAMPLES = text("SELECT sealed_examples()")


def key_problem(connection: Connection, secrets: SecretBox) -> str | None:
    """Why these are not the keys of this data, and what to do; None when they are, or nothing is sealed yet.

    Data of before there was a canary is judged by what was sealed last in each column.
    """
    canary = read_canary(connection)
    sealed = [canary] if canary is not None else list(connection.scalars(_EXAMPLES))
    return None if all(map(secrets.opens, sealed)) else WRONG_KEYS


def read_canary(connection: Connection) -> str | None:
    """The sealed text, if there is one."""
    return connection.execute(select(KeyCanary.sealed)).scalar_one_or_none()


def keep_canary(connection: Connection, secrets: SecretBox, *, anew: bool = False) -> None:
    """Seal the text with the first key where there is none yet, or `anew`; of processes that do it at once the first stays."""
    sealed = secrets.seal(_TEXT, _NOBODY, CANARY.field, _NOBODY)
    statement = insert(KeyCanary).values(sealed=sealed)
    if anew:
        statement = statement.on_conflict_do_update(index_elements=[KeyCanary.is_only], set_={"sealed": sealed})
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement)


def check_keys(url: str, secrets: SecretBox) -> str | None:
    """The same of the migrated database at `url` before anything starts on it: the problem, or None and the text is sealed."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        problem = key_problem(connection, secrets)
        if problem is None:
            keep_canary(connection, secrets)
    return problem
