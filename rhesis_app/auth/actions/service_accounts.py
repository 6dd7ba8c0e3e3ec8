"""Service accounts: users for programs of one organization, which never sign in and whose tokens outlive whoever made them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, select, text, update

from rhesis_app.auth.actions.tokens import NewToken, end_token, make_token
from rhesis_app.auth.models import ApiToken
from rhesis_app.auth.queries import ServiceAccountView, TokenView, require_machines, tokens_of, view_service_account
from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.members import ABOVE, hold_members, named_role
from rhesis_app.tenancy.models import Membership, Role, User
from rhesis_app.tenancy.queries.members import roles_by_name
from rhesis_app.tenancy.queries.roles import role_permissions
from rhesis_app.tenancy.rules import check_name

MOST_ACCOUNTS: Final = 200
NONE: Final = "There is no such service account here."
OFF: Final = "This service account is switched off. Switch it on before you make tokens for it."


@dataclass(frozen=True, slots=True)
class _Account:
    """A service account's place, and what its role allows."""

    member: Membership
    may: frozenset[Permission]
    name: str
    is_active: bool


def create_service_account(scope: Scope, name: str, role: str) -> ServiceAccountView:
    """Make a service account with a role that is at most the actor's. Raises Invalid, Forbidden, Conflict."""
    require_machines(scope)
    named, account_id = check_name(name), new_id()
    with scope.atomic() as session:
        mine = hold_members(scope)
        role_id = _grantable(scope, role, mine)
        known = _accounts(scope)
        _refuse_another(known, named)
        if len(known) >= MOST_ACCOUNTS:
            raise Conflict(f"There are {MOST_ACCOUNTS} service accounts already. Delete some that nobody needs.")
        # a statement of its own: nobody may read the row before it has a place here
        row = insert(User.__table__).values(  # type: ignore[arg-type]
            id=account_id, email=f"{account_id}@service.invalid", name=named, kind="service"
        )
        session.execute(row)
        session.add(Membership(user_id=account_id, role_id=role_id))
        session.flush()
        scope.record("service_account.create", "user", account_id, name=named, role=role)
        return view_service_account(scope, account_id)


def update_service_account(
    scope: Scope, account_id: UUID, *, name: str | None = None, role: str | None = None, is_active: bool | None = None
) -> ServiceAccountView:
    """Change what is given; one that is switched off is refused from the next request on. Raises NotFound, Invalid, Forbidden, Conflict."""
    with scope.atomic() as session:
        mine, account, others = _hold(scope, account_id)
        values: dict[str, str | bool] = {}
        if name is not None:
            values["name"] = check_name(name)
            _refuse_another(others, check_name(name))
        if is_active is not None:
            values["is_active"] = is_active
        if role is not None:
            account.member.role_id = _grantable(scope, role, mine)
            session.flush()
        if values:
            _change_user(scope, account_id, **values)
        changed = {**values, **({"role": role} if role is not None else {})}
        if changed:
            scope.record("service_account.update", "user", account_id, **changed)
        return view_service_account(scope, account_id)


def delete_service_account(scope: Scope, account_id: UUID) -> None:
    """End a service account and all its tokens; what it made stays, under its name. Raises NotFound, Forbidden."""
    with scope.atomic() as session:
        _, account, _ = _hold(scope, account_id)
        account.member.left_at = session.scalar(select(func.now()))
        session.flush()
        _change_user(scope, account_id, is_active=False)
        session.execute(text("SELECT end_access(:who)"), {"who": account_id})
        scope.record("service_account.delete", "user", account_id)


def create_service_token(scope: Scope, account_id: UUID, new: NewToken) -> tuple[TokenView, str]:
    """Make a token of a service account; the second value is the secret. Raises NotFound, Invalid, Forbidden, Conflict."""
    with scope.atomic():
        _, account, _ = _hold(scope, account_id)
        if not account.is_active:
            raise Conflict(OFF)
        return make_token(scope, account_id, new, held=account.may)


def revoke_service_token(scope: Scope, account_id: UUID, token_id: UUID) -> TokenView:
    """End a token of a service account; doing it twice changes nothing. Raises NotFound, Forbidden."""
    with scope.atomic() as session:
        _hold(scope, account_id)
        query = tokens_of(scope, account_id).where(ApiToken.id == token_id)
        row = session.scalars(query.with_for_update()).one_or_none()
        if row is None:
            raise NotFound("This service account has no such token.")
        return end_token(scope, row)


def _hold(scope: Scope, account_id: UUID) -> tuple[frozenset[Permission], _Account, list[_Account]]:
    """What the actor may, the account, and the other ones; held until the transaction ends. Raises NotFound, Forbidden."""
    require_machines(scope)
    mine, known = hold_members(scope), _accounts(scope)
    found = [account for account in known if account.member.user_id == account_id]
    if not found:
        raise NotFound(NONE)
    if not found[0].may <= mine:
        raise Forbidden(ABOVE)
    return mine, found[0], [account for account in known if account is not found[0]]


def _accounts(scope: Scope) -> list[_Account]:
    query = (
        scope.select(Membership, Role, User.name, User.is_active)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .join(User, User.id == Membership.user_id)
        .where(User.kind == "service", Membership.left_at.is_(None))
    )
    return [
        _Account(member, role_permissions(role.name, role.is_builtin, role.permissions), name, is_active)
        for member, role, name, is_active in scope.session.execute(query)
    ]


def _grantable(scope: Scope, role: str, mine: frozenset[Permission]) -> UUID:
    """The id of the role of that name, if the actor may give it to a program."""
    role_id, may = named_role(roles_by_name(scope), role)
    if Permission.ORGANIZATION_DELETE in may:
        raise Invalid.field("role", "No program owns an organization. Choose a role that cannot delete it.")
    if not may <= mine:
        raise Forbidden(ABOVE)
    return role_id


def _refuse_another(others: Iterable[_Account], name: str) -> None:
    """Names tell service accounts apart, in whichever case. Raises Conflict."""
    if any(other.name.lower() == name.lower() for other in others):
        said = f"There is a service account “{name}” already."
        raise Conflict(said, errors={"name": [said]})


def _change_user(scope: Scope, account_id: UUID, **values: str | bool) -> None:
    changed = update(User).where(User.id == account_id, User.kind == "service")
    scope.session.execute(changed.values(**values, updated_at=func.now()))
