"""What the layout needs besides the page itself. Made once per request; templates ask it, never the request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rhesis_app.kernel.permissions import Permission

Theme = Literal["auto", "light", "dark"]
FlashKind = Literal["passed", "failed", "error", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLink:
    """A project in the switcher."""

    name: str
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """A sentence about what was just done, shown once as a toast. `undo_url`, when set, is posted to by Undo."""

    text: str
    kind: FlashKind = "passed"
    undo_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BareShell:
    """Around pages without navigation: sign-in, first start, errors."""

    nonce: str
    theme: Theme = "auto"
    csrf_token: str = ""
    flashes: tuple[Flash, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Around a signed-in person's pages. `section` is the key of the current entry; `counts` are keyed alike."""

    organization_name: str
    user_name: str
    user_email: str
    role: str
    nonce: str
    csrf_token: str
    theme: Theme = "auto"
    project: ProjectLink | None = None
    projects: tuple[ProjectLink, ...] = ()
    section: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    flashes: tuple[Flash, ...] = ()
    may: frozenset[Permission] = frozenset()
    unread: int = 0

    @property
    def can_create_project(self) -> bool:
        """Whether the organization lets this person make projects."""
        return Permission.PROJECT_WRITE in self.may

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        return initials_of(self.user_name or self.user_email)

    @property
    def unread_words(self) -> str:
        """How much is not read; it is counted to a hundred."""
        return str(self.unread) if self.unread < 100 else "99+"

    @property
    def groups(self) -> tuple["NavGroup", ...]:
        """The navigation of the current project; empty outside a project."""
        return PROJECT_NAVIGATION if self.project else ()

    @property
    def settings(self) -> tuple["NavEntry", ...]:
        """The settings this person may open."""
        return tuple(entry for entry in SETTINGS_NAVIGATION if entry.needs is None or entry.needs in self.may)


@dataclass(frozen=True, slots=True, kw_only=True)
class NavEntry:
    """One entry of the navigation: `endpoint` is the URL rule's name, `needs` what a person must be allowed to see it."""

    key: str
    label: str
    icon: str
    endpoint: str
    needs: Permission | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NavGroup:
    """A titled group of entries; the first has no visible title."""

    label: str
    is_titled: bool
    entries: tuple[NavEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """An error as a page: `detail` says what to do; `links` are ways on, as (label, address)."""

    status: int
    title: str
    detail: str
    request_id: str = ""
    links: tuple[tuple[str, str], ...] = ()


PROJECT_NAVIGATION = (
    NavGroup(
        label="Project",
        is_titled=False,
        entries=(
            NavEntry(key="overview", label="Overview", icon="layout-dashboard", endpoint="projects.overview"),
            NavEntry(key="runs", label="Runs", icon="play", endpoint="runs.index"),
            NavEntry(key="schedules", label="Schedules", icon="calendar-clock", endpoint="schedules.index"),
            NavEntry(key="compare", label="Compare", icon="git-compare", endpoint="comparisons.show"),
            NavEntry(key="reports", label="Reports", icon="file-text", endpoint="reports.index"),
        ),
    ),
    NavGroup(
        label="Define",
        is_titled=True,
        entries=(
            NavEntry(key="requirements", label="Requirements", icon="target", endpoint="requirements.index"),
            NavEntry(key="tests", label="Tests", icon="flask-conical", endpoint="tests.index"),
            NavEntry(key="test_sets", label="Test sets", icon="layers", endpoint="test_sets.index"),
            NavEntry(key="prompts", label="Prompts", icon="message-square", endpoint="prompts.index"),
            NavEntry(key="metrics", label="Metrics", icon="gauge", endpoint="metrics.index"),
            NavEntry(key="gates", label="Gates", icon="shield-check", endpoint="gates.index"),
        ),
    ),
    NavGroup(
        label="Connect",
        is_titled=True,
        entries=(
            NavEntry(key="endpoints", label="Endpoints", icon="plug", endpoint="endpoints.index"),
            NavEntry(key="models", label="Models", icon="bot", endpoint="models.index"),
        ),
    ),
)
SETTINGS_NAVIGATION = (
    NavEntry(key="members", label="Members", icon="user", endpoint="members.index", needs=Permission.MEMBER_READ),
    NavEntry(key="preferences", label="Notifications", icon="bell", endpoint="preferences.index"),
    NavEntry(key="jobs", label="Background work", icon="clock", endpoint="jobs.index", needs=Permission.PROJECT_READ),
    NavEntry(key="tokens", label="API tokens", icon="key-round", endpoint="auth.tokens", needs=Permission.TOKEN_MANAGE),
    NavEntry(
        key="audit", label="Audit log", icon="clipboard-check", endpoint="audit.index", needs=Permission.AUDIT_READ
    ),
    NavEntry(
        key="recycle", label="Recycle bin", icon="trash-2", endpoint="recycle.index", needs=Permission.PROJECT_READ
    ),
    NavEntry(
        key="data",
        label="Organization data",
        icon="archive",
        endpoint="archives.index",
        needs=Permission.ORGANIZATION_DELETE,
    ),
    NavEntry(key="plugins", label="Plugins", icon="puzzle", endpoint="plugins.index", needs=Permission.PLUGIN_READ),
)


def initials_of(name: str) -> str:
    """First letters of the first and the last word, upper case: `Ines Caldera` gives `IC`."""
    words = [word for word in name.split() if word[0].isalnum()]
    if not words:
        return "?"
    letters = words[0][0] if len(words) == 1 else words[0][0] + words[-1][0]
    return letters.upper()
