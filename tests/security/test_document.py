"""The API's document and the guard say the same about who needs a credential."""

import re

from flask import Flask

from rhesis_app.auth.guard import PUBLIC


def test_the_document_says_of_every_operation_whether_it_takes_a_credential(app: Flask) -> None:
    paths = app.extensions["rhesis_openapi"]()["paths"]
    wrong, seen = [], 0
    for rule in app.url_map.iter_rules():
        operations = paths.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), {})
        for method in rule.methods or ():
            if operation := operations.get(method.lower()):
                seen += 1
                if (rule.endpoint in PUBLIC) == bool(operation["security"]):
                    wrong.append(f"{method} {rule.rule}")
    assert wrong == []
    assert seen > 100
