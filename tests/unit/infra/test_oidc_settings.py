"""The settings of single sign-on: what is read, and what is refused by name."""

import pytest

from rhesis_app.infra.oidc_settings import OidcSettingsError, oidc_from

WHOLE = {
    "RHESIS_OIDC_ISSUER": "https://login.example.org/realms/staff",
    "RHESIS_OIDC_CLIENT_ID": "rhesis",
    "RHESIS_OIDC_CLIENT_SECRET": "not to be shown",
    "RHESIS_OIDC_ORGANIZATION": "meridian-goods-1a2b3c",
    "RHESIS_OIDC_ROLES": "platform = Admin, qa=Test manager ,*=Viewer",
}


def test_all_of_them_are_read_and_the_secret_is_not_shown() -> None:
    read = oidc_from(WHOLE, allow_http=False)
    assert read is not None
    assert read.roles == {"platform": "Admin", "qa": "Test manager", "*": "Viewer"}
    assert read.groups_claim == "groups"
    assert "not to be shown" not in repr(read)


def test_groups_with_commas_are_written_as_json() -> None:
    read = oidc_from({**WHOLE, "RHESIS_OIDC_ROLES": '{"CN=qa,OU=staff": "Member"}'}, allow_http=False)
    assert read is not None
    assert read.roles == {"CN=qa,OU=staff": "Member"}


def test_without_any_there_is_no_provider() -> None:
    assert oidc_from({}, allow_http=False) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"RHESIS_OIDC_ISSUER": ""}, "RHESIS_OIDC_ISSUER"),
        ({"RHESIS_OIDC_ISSUER": "login.example.org"}, "RHESIS_OIDC_ISSUER"),
        ({"RHESIS_OIDC_ISSUER": "http://login.example.org"}, "https"),
        ({"RHESIS_OIDC_ISSUER": "https://login.example.org/?tenant=1"}, "RHESIS_OIDC_ISSUER"),
        ({"RHESIS_OIDC_CLIENT_ID": ""}, "RHESIS_OIDC_CLIENT_ID"),
        ({"RHESIS_OIDC_ORGANIZATION": ""}, "RHESIS_OIDC_ORGANIZATION"),
        ({"RHESIS_OIDC_ROLES": "qa"}, "RHESIS_OIDC_ROLES"),
        ({"RHESIS_OIDC_ROLES": "qa="}, "RHESIS_OIDC_ROLES"),
        ({"RHESIS_OIDC_ROLES": '{"qa": 1}'}, "RHESIS_OIDC_ROLES"),
        ({"RHESIS_OIDC_ROLES": "{qa"}, "RHESIS_OIDC_ROLES"),
        ({"RHESIS_OIDC_ROLES": "*=owner"}, "everybody"),
    ],
)
def test_what_cannot_work_is_refused_by_name(changes: dict[str, str], named: str) -> None:
    with pytest.raises(OidcSettingsError, match=named):
        oidc_from({**WHOLE, **changes}, allow_http=False)


def test_plain_http_is_for_this_machine_or_where_it_is_allowed() -> None:
    for issuer, allow_http in (("http://localhost:9400", False), ("http://login.internal", True)):
        assert oidc_from({**WHOLE, "RHESIS_OIDC_ISSUER": issuer}, allow_http=allow_http) is not None
