"""Looking at the database from outside, as its superuser: behind every policy, and through every fault."""

import re
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras

_INVARIANTS = Path(__file__).with_name("invariants.sql")


class Eyes:
    """Asks on a connection that is made again when it broke. `url` is SQLAlchemy's form of an address."""

    def __init__(self, url: str) -> None:
        self._address = url.replace("postgresql+psycopg2://", "postgresql://")
        self._held: Any = None

    def ask(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a statement; raises psycopg2.Error while the database is away or takes longer than 20 s."""
        try:
            with self._connection().cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(statement, values or None)
                return [dict(row) for row in cursor] if cursor.description else []
        except psycopg2.Error:
            if self._held is None or self._held.closed:
                self._held = None
            raise

    def number(self, statement: str, **values: Any) -> int:
        """The one number that a statement gives."""
        return int(next(iter(self.ask(statement, **values)[0].values())))

    def close(self) -> None:
        """Let go of the connection."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def connect(self) -> Any:
        """A connection of its own, for holding a lock or a place."""
        made = psycopg2.connect(self._address, options="-c lock_timeout=0", connect_timeout=5)
        made.autocommit = True
        return made

    def _connection(self) -> Any:
        if self._held is None or self._held.closed:
            made = psycopg2.connect(
                self._address, options="-c statement_timeout=20s -c lock_timeout=500ms", connect_timeout=5
            )
            made.autocommit = True
            self._held = made
        return self._held


def invariants() -> dict[str, str]:
    """The invariants' queries by name."""
    parts = re.split(r"^-- name: (.+)$", _INVARIANTS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (text.strip().rstrip(";") for text in parts[1::2]), strict=True))


def broken(eyes: Eyes) -> list[str]:
    """The names of the invariants that do not hold now."""
    return [name for name, query in invariants().items() if eyes.number(f"SELECT count(*) FROM ({query}) found")]
