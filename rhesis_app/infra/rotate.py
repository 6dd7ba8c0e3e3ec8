"""Moving every sealed text under the first of the encryption keys, so that the others can go."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, column, create_engine, select, table, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from rhesis_app.infra.backup.archive import KEYS
from rhesis_app.infra.backup.database import hidden_tables
from rhesis_app.infra.backup.source import Installation
from rhesis_app.infra.canary import keep_canary, key_problem
from rhesis_app.infra.config import encryption_keys
from rhesis_app.infra.crypto import SEALED, SealedColumn, SecretBox
from rhesis_app.infra.embedded.keys import load_or_make_secrets
from rhesis_app.infra.start_check import version_problem

BATCH = 200


class RotationRefused(Exception):
    """Nothing was changed; one line says why and what to do."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of one column's texts: moved to the first key, there already, or opened by none of the keys."""

    field: str
    moved: int
    kept: int
    lost: int


def rotate_keys(url: str, secrets: SecretBox, *, lost: bool = False) -> Iterator[Rotated]:
    """Seal every text of the database at `url` (its owner's) with the first key, and answer for each column.

    Batch by batch, each committed, and only where a text is still the one that was read: it may run beside an instance,
    more than once, and be killed anywhere. What says whose keys these are comes last, so that an old key that is taken
    away too early is noticed at the next start. Raises RotationRefused; with `lost` also keys that do not belong to the
    data are taken on.
    """
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            _refuse(connection, secrets, lost=lost)
        for sealed in SEALED:
            yield _rotate_column(engine, secrets, sealed)
        with engine.begin() as connection:
            keep_canary(connection, secrets, anew=True)
    except OperationalError as failure:
        raise RotationRefused(
            "The database does not answer. What was moved stays moved; run the command again."
        ) from failure
    finally:
        engine.dispose()


def _refuse(connection: Connection, secrets: SecretBox, *, lost: bool) -> None:
    problem = version_problem(connection)
    hidden = set(hidden_tables(connection)) & {sealed.table for sealed in SEALED}
    if problem is None and hidden:
        problem = (
            f"This login does not see every row of {', '.join(sorted(hidden))}. Name the tables' owner in "
            "RHESIS_DATABASE_OWNER_URL."
        )
    if problem is None and not lost:
        problem = key_problem(connection, secrets)
    if problem is not None:
        raise RotationRefused(problem)


def _rotate_column(engine: Engine, secrets: SecretBox, sealed: SealedColumn) -> Rotated:
    rows = table(sealed.table, column(sealed.key), column(sealed.column))
    key, value = rows.c[sealed.key], rows.c[sealed.column]
    every = select(key, value).where(value.is_not(None)).order_by(key).limit(BATCH).with_for_update(key_share=True)
    following, counts = every, Counter[str]()
    while True:
        with engine.begin() as connection:
            batch = connection.execute(following).all()
            for identity, text in batch:
                fate = _fate(secrets, text)
                counts[fate] += 1
                if fate == "moved":
                    connection.execute(update(rows).where(key == identity).values({value: secrets.reseal(text)}))
        if len(batch) < BATCH:
            return Rotated(sealed.field, moved=counts["moved"], kept=counts["kept"], lost=counts["lost"])
        following = every.where(key > batch[-1][0])


def _fate(secrets: SecretBox, text: str) -> str:
    if secrets.is_current(text):
        return "kept"
    return "moved" if secrets.opens(text) else "lost"


def keys_of(installation: Installation) -> SecretBox:
    """What seals and opens for the installation's processes: its environment's keys, else its key file's. Raises SecretError."""
    keys = encryption_keys(installation.environment)
    if not keys and (installation.place / KEYS).exists():
        keys = encryption_keys({"RHESIS_ENCRYPTION_KEYS": load_or_make_secrets(installation.place).encryption_key})
    return SecretBox(keys)
