"""Bringing an organization's archive into an instance where nobody is yet: all of it, or nothing."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zipfile import BadZipFile, ZipFile

import orjson
from sqlalchemy import Table, and_, text
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from rhesis_app.auth.actions.first_start import FIRST_OWNER_LOCK
from rhesis_app.auth.actions.reset import make_operators_link
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.scope import Scope
from rhesis_app.retention.queries.rows import database_version, row_sources
from rhesis_app.retention.rules.archive import (
    MANIFEST,
    PEOPLE,
    Contents,
    Part,
    check_columns,
    contents_of,
    damaged,
)
from rhesis_app.tenancy.models import Membership, Role, User

_BATCH_ROWS: Final = 500
_BATCH_BYTES: Final = 8 * 1024 * 1024
_MANIFEST_BYTES: Final = 1024 * 1024
_BY_FUNCTION: Final = {"audit_seal": "import_audit_seals", "audit_entry": "import_audit_entries"}
"""The application may write no seals; the database lets it while nobody is there."""
_NOT_EMPTY: Final = "This instance is not empty: somebody is registered already. Import into a new one, before anybody has used its first link."


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came in: rows by table, and how many secrets have to be entered again."""

    organization_id: UUID
    organization: str
    rows: dict[str, int]
    secrets: int


def import_organization(host: Host, path: Path) -> Imported:
    """Bring the archive at `path` into an empty instance, in one transaction, with the ids that it had.

    Its people may not sign in before they have chosen a password by a link. Raises Invalid for a file that is damaged, newer or
    no archive, Conflict where somebody is registered.
    """
    with _opened(path) as zipped:
        document = _read_manifest(zipped)
        with host.open_scope(Actor.system(_organization(document))) as scope:
            contents = contents_of(document, schema=database_version(scope))
            scope.session.rollback()
            return _bring_in(scope, zipped, contents)


def link_for_owner(host: Host, organization_id: UUID, email: str = "") -> tuple[str, str]:
    """The address of an owner who came with an archive, and the path by which they choose a password.

    Without `email` it is the first owner. Raises NotFound where there is no such owner.
    """
    with host.open_scope(Actor.system(organization_id)) as scope:
        query = (
            scope.select(Membership.id, User.email)
            .join(User, User.id == Membership.user_id)
            .join(Role, and_(Role.organization_id == Membership.organization_id, Role.id == Membership.role_id))
            .where(Role.is_builtin, Role.name == "Owner", Membership.left_at.is_(None))
            .order_by(Membership.created_at, Membership.id)
        )
        owners = scope.session.execute(query).all()
        wanted = email.strip().lower()
        found = next((one for one in owners if wanted in {"", one.email}), None)
        if found is None:
            names = ", ".join(one.email for one in owners)
            raise NotFound(f"There is no such owner. Make a link for one of these by rhesis-app reset-link: {names}.")
    return str(found.email), make_operators_link(host, found.email)


def _bring_in(scope: Scope, zipped: ZipFile, contents: Contents) -> Imported:
    with scope.atomic() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST_OWNER_LOCK})
        if not session.scalar(text("SELECT needs_first_owner()")):
            raise Conflict(_NOT_EMPTY)
        for source in row_sources():
            part = contents.part(source.name)
            check_columns(part, source.columns)
            with _fitting(part):
                _write_back(scope, zipped, part, source.table)
        rows = {part.name: part.rows for part in contents.parts if part.rows}
        scope.record("organization.import", "organization", scope.organization_id, rows=sum(rows.values()))
    return Imported(
        organization_id=contents.organization_id,
        organization=contents.organization,
        rows=rows,
        secrets=contents.secrets,
    )


def _write_back(scope: Scope, zipped: ZipFile, part: Part, table: Table) -> None:
    """Insert a part's rows, and raise Invalid unless they are the ones that were exported."""
    digest, rows = hashlib.sha256(), 0
    for batch in _batches(zipped, part):
        for line in batch:
            digest.update(line)
        rows += len(batch)
        _insert(scope, part, table, batch)
    if digest.hexdigest() != part.sha256 or rows != part.rows:
        raise Invalid(damaged(f"“{part.name}” is not what was exported"))


def _insert(scope: Scope, part: Part, table: Table, batch: Sequence[bytes]) -> None:
    # a column that the archive's version did not have takes its default
    columns = ", ".join(f'"{name}"' for name in part.columns)
    session = scope.session
    document = (b"[" + b",".join(batch) + b"]").decode()
    if part.name in _BY_FUNCTION:
        session.execute(text(f"SELECT {_BY_FUNCTION[part.name]}(CAST(:rows AS json))"), {"rows": document})
        return
    if part.name != PEOPLE:
        rows = f"json_populate_recordset(NULL::{table.name}, CAST(:rows AS json))"
        session.execute(text(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {rows}"), {"rows": document})
        return
    for line in batch:
        # by the policies everybody makes their own row, and nobody another's
        session.execute(text("SELECT set_config('app.user_id', :who, true)"), {"who": str(orjson.loads(line)["id"])})
        row = f"json_populate_record(NULL::{table.name}, CAST(:row AS json))"
        session.execute(
            text(
                f"INSERT INTO {table.name} ({columns}, is_active, imported_at) SELECT {columns}, false, now() FROM {row}"
            ),
            {"row": line.decode()},
        )
    session.execute(text("SELECT set_config('app.user_id', '', true)"))


def _batches(zipped: ZipFile, part: Part) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    with zipped.open(part.file_name) as member:
        for line in member:
            batch.append(line)
            size += len(line)
            if len(batch) == _BATCH_ROWS or size > _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def _fitting(part: Part) -> Iterator[None]:
    """What the database or the file refuses, in words."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError) as error:
        raise Invalid(damaged(f"“{part.name}” holds rows that do not fit")) from error
    except (KeyError, BadZipFile, zlib.error, EOFError, ValueError, TypeError) as error:
        raise Invalid(damaged(f"“{part.name}” cannot be read")) from error


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        zipped = ZipFile(path)
    except (OSError, BadZipFile) as error:
        raise Invalid(damaged("it is no whole ZIP file")) from error
    with zipped:
        yield zipped


def _read_manifest(zipped: ZipFile) -> Any:
    try:
        with zipped.open(MANIFEST) as member:
            return orjson.loads(member.read(_MANIFEST_BYTES))
    except KeyError as error:
        raise Invalid(
            "This is no archive of an organization. Give the file that “Organization data” offers."
        ) from error
    except (BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise Invalid(damaged("its table of contents cannot be read")) from error


def _organization(document: Any) -> UUID:
    try:
        return UUID(document["organization_id"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(damaged("its table of contents cannot be read")) from error
