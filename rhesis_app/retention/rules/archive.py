"""What an archive of an organization holds, what it leaves out and why, and how its table of contents is read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

from rhesis_app.kernel.errors import Invalid

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MAX_BYTES: Final = 2 * 1024 * 1024 * 1024
ORGANIZATION: Final = "organization"
PEOPLE: Final = "app_user"
TABLES: Final = (
    *("audit_seal", "audit_entry", "role", "membership", "preference"),
    *("project", "project_member"),
    *("prompt", "prompt_version", "model", "endpoint", "endpoint_throttle"),
    *("metric", "metric_version", "requirement", "requirement_metric"),
    *("test", "test_version", "test_set", "test_set_item", "test_set_metric"),
    *("test_set_version", "test_set_version_item"),
    *("schedule", "test_run", "run_metric", "test_result", "replacement", "recorded_exchange"),
    *("evaluation", "review"),
    *("gate", "gate_decision", "job", "analysis", "attack_suite"),
)
"""In the order in which they are written back: each after what it refers to."""
LEFT_OUT: Final[Mapping[str, str]] = {
    "api_token": "a credential",
    "archive": "an archive holds no archives",
    "archive_chunk": "an archive holds no archives",
    "delivery": "a letter that was sent",
    "import_session": "a file that waits for somebody's yes",
    "invitation": "a credential",
    "model_throttle": "how a model is called at this moment",
    "model_turns": "how a model is called at this moment",
    "notification": "what one person was told",
    "one_time_token": "a credential",
    "report": "made again from its run",
    "report_chunk": "made again from its run",
    "rescore_order": "what was asked for; what came of it is a run",
    "session": "a credential",
    "test_edit": "what was asked for; what came of it stands in the tests",
    "work_item": "work that is still open",
}
"""Tables of an organization that stay behind, each with the reason."""
ORGANIZATION_COLUMNS: Final = ("id", "name", "slug", "settings", "created_at", "updated_at")
ORGANIZATION_LEFT_OUT: Final = frozenset({"delete_after"})
"""One that is being deleted here lives on where it is imported."""
PEOPLE_COLUMNS: Final = ("id", "email", "name", "kind", "created_at", "updated_at")
"""People come without password, and may not sign in before they have chosen one."""
PEOPLE_LEFT_OUT: Final = frozenset({"email_verified_at", "epoch", "imported_at", "is_active", "last_login_at", "theme"})
"""What holds for an account of this instance alone."""
COLUMNS_LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    "endpoint": frozenset({"secret", "secret_origin"}),
    "endpoint_throttle": frozenset(
        {"paused_until", "cur_limit", "successes", "lowered_at", "lowered_for", "limit_floor", "failures"}
    )
    | {"open_s", "open_until"},
    "model": frozenset({"key", "key_origin"}),
    "test_run": frozenset({"idempotency_key", "idempotency_body"}),
}
"""Secrets, what holds at this moment only, and keys of requests that were made long ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One table in an archive: a file of JSON Lines with these columns; `sha256` is of its bytes."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return f"rows/{self.name}.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """An archive's table of contents. `schema` is the database's version; `secrets` were left out and have to be entered again."""

    organization_id: UUID
    organization: str
    schema: str
    product: str
    secrets: int
    parts: tuple[Part, ...] = field(default=())
    format: int = FORMAT

    def document(self) -> dict[str, Any]:
        """As it stands in the archive."""
        return asdict(self)

    def part(self, name: str) -> Part:
        """The part of that table. Raises Invalid where it is missing."""
        found = next((part for part in self.parts if part.name == name), None)
        if found is None:
            raise Invalid(damaged(f"it has no part “{name}”"))
        return found


def damaged(what: str) -> str:
    """What to say of an archive that cannot be taken."""
    return f"This archive is damaged: {what}. Nothing was imported. Export it again, and compare its SHA-256 after the copy."


def contents_of(document: Any, *, schema: str) -> Contents:
    """A table of contents as it was read, for a database of version `schema`. Raises Invalid for a newer or a strange one."""
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise Invalid("This is no archive of an organization. Give the file that “Organization data” offers.")
    if document["format"] > FORMAT or str(document.get("schema")) > schema:
        raise Invalid(
            f"This archive was made by a newer version ({document.get('product')}). Update this instance first, then import it."
        )
    try:
        return Contents(
            organization_id=UUID(document["organization_id"]),
            organization=str(document["organization"]),
            schema=str(document["schema"]),
            product=str(document["product"]),
            secrets=int(document["secrets"]),
            parts=tuple(_part(one) for one in document["parts"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(damaged("its table of contents cannot be read")) from error


def check_columns(part: Part, known: Sequence[str]) -> None:
    """Raise Invalid where an archive names what this version has no place for."""
    strange = sorted(set(part.columns) - set(known))
    if strange:
        raise Invalid(damaged(f"“{part.name}” has columns that are not known: {', '.join(strange)[:200]}"))


def travelling(table: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that an archive holds, in their order."""
    left_out = COLUMNS_LEFT_OUT.get(table, frozenset())
    return tuple(name for name in columns if name not in left_out)


def _part(one: Any) -> Part:
    return Part(
        name=str(one["name"]),
        columns=tuple(str(name) for name in one["columns"]),
        rows=int(one["rows"]),
        sha256=str(one["sha256"]),
    )
