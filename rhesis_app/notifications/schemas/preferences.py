"""What the API of preferences takes."""

from marshmallow import fields

from rhesis_app.web.openapi import Input


class PreferenceArguments(Input):
    """By kind of event, whether it shall come by e-mail; what is left out stays as it is."""

    email = fields.Dict(keys=fields.String(), values=fields.Boolean(), required=True)
