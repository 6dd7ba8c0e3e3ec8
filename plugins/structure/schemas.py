"""JSON Schema (2020-12) for schemas that users write: nothing is fetched, and patterns run in RE2."""

from collections.abc import Iterator, Mapping
from typing import Any

import re2

_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_LITERAL = frozenset({"const", "enum", "default", "examples"})
_REFUSED = {
    "patternProperties": "patternProperties is not supported here: name the properties, or use propertyNames.",
    "$schema": "$schema may stand at the top only.",
}


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Why a schema cannot be used, or None."""
    import jsonschema  # noqa: PLC0415 - a tenth of a second, and only schema metrics need it

    try:
        # the standard's own check of patterns would use Python's dialect; ours is RE2's, below
        jsonschema.Draft202012Validator.check_schema(schema, format_checker=jsonschema.FormatChecker(formats=()))
    except jsonschema.SchemaError as failure:
        return f"This is no valid JSON Schema: {failure.message[:300]}."
    return next(_problems(_undeclared(schema)), None) or _dangling(schema)


def validator_for(schema: Mapping[str, Any]) -> Any:
    """A validator whose `iter_errors(value)` yields errors with `message` and `json_path`."""
    import jsonschema  # noqa: PLC0415 - a tenth of a second, and only schema metrics need it
    from jsonschema import validators  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    # typed loosely by its package
    checked = validators.extend(jsonschema.Draft202012Validator, {"pattern": _check_pattern})
    return checked(_undeclared(schema), registry=Registry())  # an empty registry has nowhere to fetch a $ref from


def _dangling(schema: Mapping[str, Any]) -> str | None:
    """The first reference that leads nowhere, which validation would meet only when an answer gets there."""
    from referencing import Registry  # noqa: PLC0415 - comes with the heavy library
    from referencing.exceptions import Unresolvable  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(_undeclared(schema)))
    for ref in _references(schema):
        try:
            resolver.lookup(ref)
        except Unresolvable:
            return f"{ref} leads nowhere in this schema."
    return None


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)
    elif isinstance(schema, Mapping):
        for word, inner in schema.items():
            if word == "$ref" and isinstance(inner, str):
                yield inner
            elif word in _NAMED and isinstance(inner, Mapping):
                yield from _references(list(inner.values()))
            elif word not in _LITERAL:
                yield from _references(inner)


def _undeclared(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without $schema: declared, the library would go back to its own validator and Python's patterns."""
    return {word: inner for word, inner in schema.items() if word != "$schema"}


def compile_pattern(pattern: str) -> "re2._Regexp":
    """A pattern of a schema, bounded in memory. Raises re2.error."""
    options = re2.Options()
    options.max_mem = 1024 * 1024
    options.log_errors = False
    return re2.compile(pattern, options)


def _check_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError  # noqa: PLC0415 - loaded already when this is called

    if isinstance(value, str) and compile_pattern(pattern).search(value.encode("utf-8", "replace")) is None:
        yield ValidationError(f"{value[:80]!r} does not match {pattern[:80]!r}")


def _problems(schema: Any) -> Iterator[str]:
    """What the standard allows and this product does not, at any depth."""
    if isinstance(schema, list):
        for part in schema:
            yield from _problems(part)
        return
    if not isinstance(schema, Mapping):
        return
    for word, inner in schema.items():
        yield from _word_problems(word, inner)
        if word in _NAMED and isinstance(inner, Mapping):
            yield from _problems(list(inner.values()))
        elif word not in _LITERAL:
            yield from _problems(inner)


def _word_problems(word: str, inner: Any) -> Iterator[str]:
    if word in _REFUSED:
        yield _REFUSED[word]
    if word in {"$ref", "$dynamicRef"} and not str(inner).startswith("#"):
        yield f"{word} may point inside this schema only (#/…): nothing is fetched."
    if word == "pattern" and isinstance(inner, str):
        try:
            compile_pattern(inner)
        except re2.error:
            yield f"RE2 cannot use the pattern {inner[:80]!r}: it knows no back-references and no look-around."
