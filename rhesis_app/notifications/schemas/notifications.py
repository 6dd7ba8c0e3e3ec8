"""What the API of notifications takes."""

from marshmallow import fields

from rhesis_app.web.openapi import ListArguments


class NotificationListArguments(ListArguments):
    """A page of notifications; with `unread` only what is not read."""

    unread = fields.Boolean(load_default=False)
