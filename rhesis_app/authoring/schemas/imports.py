"""What the imports API takes."""

import json
from typing import Any

from marshmallow import ValidationError, fields, validate

from rhesis_app.authoring.rules.names import MAX_NAME
from rhesis_app.web.openapi import Input


class MappingText(fields.String):
    """A mapping of columns as JSON text, for forms: column → field."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            mapping = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError("Give a JSON object, such as {“Question”: “prompt”} with straight quotes.") from error
        if not isinstance(mapping, dict) or not all(isinstance(field, str) for field in mapping.values()):
            raise ValidationError("Give a JSON object whose names are columns and whose values are fields.")
        return mapping


class UploadArguments(Input):
    """The form's fields beside the file."""

    project_id = fields.UUID(required=True)
    test_set_name = fields.String(load_default="", validate=validate.Length(max=MAX_NAME))
    mapping = MappingText(
        load_default=dict,
        metadata={
            "description": "JSON: column → prompt, expected, requirement, messages, context, metadata, metadata.<name> or ignore"
        },
    )
    format = fields.String(
        load_default="auto",
        validate=validate.Length(1, 200),
        metadata={"description": "auto, csv, jsonl, or the key of a plugin's importer"},
    )


class FileArguments(Input):
    """The file itself."""

    file = fields.Raw(required=True, metadata={"type": "string", "format": "binary"})


class ImportChangesArguments(Input):
    """Only what changes."""

    test_set_name = fields.String(validate=validate.Length(1, MAX_NAME))
    mapping = fields.Dict(keys=fields.String(), values=fields.String())
