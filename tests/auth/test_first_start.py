"""The link that makes the first owner works once, whoever else has it."""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.first_start import make_first_start_link
from rhesis_app.infra.runtime import Runtime
from tests.people import PASSWORD


def begin(app: Flask, path: str, name: str, password: str = PASSWORD) -> int:
    """The status of the form behind a link, sent by somebody of this name."""
    form = {"organization_name": name, "name": name, "email": f"{name}@example.org", "password": password}
    return app.test_client().post(path, data=form).status_code


def owners(superuser: Engine) -> int:
    with superuser.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM membership")).scalar_one())


def link(host: Runtime) -> str:
    made = make_first_start_link(host)
    assert made is not None
    return made


def both_at_once(app: Flask, first: str, second: str) -> list[int]:
    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(lambda sent: begin(app, *sent), [(first, "dana"), (second, "erik")]))


def test_a_link_sent_twice_at_once_makes_one_owner(app: Flask, host: Runtime, superuser: Engine) -> None:
    path = link(host)
    assert both_at_once(app, path, path) == [303, 404]
    assert owners(superuser) == 1


def test_two_links_used_at_once_make_one_owner(app: Flask, host: Runtime, superuser: Engine) -> None:
    assert both_at_once(app, link(host), link(host)) == [303, 404]
    assert owners(superuser) == 1


def test_a_form_with_a_mistake_leaves_the_link_to_be_used(app: Flask, host: Runtime, superuser: Engine) -> None:
    path = link(host)
    assert begin(app, path, "dana", password="short") == 422
    assert begin(app, path, "no address") == 422
    assert owners(superuser) == 0
    assert begin(app, path, "dana") == 303
    assert begin(app, path, "erik") == 404
