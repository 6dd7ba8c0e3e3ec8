"""What the API of preferences takes."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from rhesis_app.web.openapi import Input


class PreferenceArguments(Input):
    """By kind of event, whether it shall come by e-mail and onto one's pages; what is left out stays as it is."""

    email = fields.Dict(keys=fields.String(), values=fields.Boolean())
    in_app = fields.Dict(keys=fields.String(), values=fields.Boolean())

    @validates_schema
    def _needs_one(self, given: dict[str, Any], **_options: Any) -> None:
        if not given:
            raise ValidationError("Say what to choose, as “email” or “in_app”.", "email")
