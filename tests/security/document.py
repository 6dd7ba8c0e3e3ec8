"""What the API's own document says of its operations: the fields they take and give, and which of them are ids."""

from collections.abc import Iterator
from typing import Any

from tests.api.odd_input import Operation

JSON = "application/json"


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself where there is only its name."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def taken(document: dict[str, Any], operation: Operation, kind: str = JSON) -> dict[str, Any]:
    """The fields of its body, with their schemas."""
    content = operation.spec.get("requestBody", {}).get("content", {}).get(kind)
    found: dict[str, Any] = resolved(document, content["schema"]).get("properties", {}) if content else {}
    return found


def given(document: dict[str, Any], operation: Operation) -> set[str]:
    """The fields of what it answers, or of each item of it."""
    found: set[str] = set()
    for status, answer in operation.spec["responses"].items():
        schema = answer.get("content", {}).get(JSON, {}).get("schema")
        if status.startswith("2") and schema:
            found |= set(_properties(document, schema))
    return found


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = resolved(document, schema)
    if "items" in schema:
        return _properties(document, schema["items"])
    properties: dict[str, Any] = schema.get("properties", {})
    return _properties(document, properties["items"]) if "items" in properties else properties


def ids_in_body(document: dict[str, Any], operation: Operation, kind: str = JSON) -> Iterator[tuple[str, bool]]:
    """The fields of its body that hold an id, and whether they hold a list of them."""
    for name, schema in taken(document, operation, kind).items():
        inner = resolved(document, schema)
        if _is_id(inner) or (kind != JSON and name.endswith("_id")):
            yield name, False
        elif _is_id(resolved(document, inner.get("items", {}))):
            yield name, True


def ids_in_query(operation: Operation) -> Iterator[str]:
    """The arguments of its query that hold an id."""
    for one in operation.spec.get("parameters", []):
        if one["in"] == "query" and _is_id(one["schema"]):
            yield one["name"]


def _is_id(schema: dict[str, Any]) -> bool:
    return bool(schema.get("format") == "uuid" or any(_is_id(one) for one in schema.get("anyOf", [])))
