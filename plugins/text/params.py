"""What the text checks can be told."""

from collections.abc import Mapping
from dataclasses import dataclass

import re2

from rhesis_app.sdk import Need, param

CASE = "Tell upper-case from lower-case letters."
SPACING = "Take any run of white space as one space, and ignore it at both ends."
WORDS = "Find the text only where it stands as words of its own: “no” is not found in “know”."
EMPTY = "Left empty, the test's expected answer is used."

# enough for thousands of alternatives, and a bound on what one pattern can take in a worker that many share
_REGEX_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """A text to look for anywhere."""

    text: str = param("", help=f"What the answer must contain. {EMPTY}", multiline=True)
    case_sensitive: bool = param(False, help=CASE)
    ignore_spacing: bool = param(True, help=SPACING)
    whole_words: bool = param(False, help=WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotContains:
    """A text that must not occur; it has no default, as an expected answer is hardly what is forbidden."""

    text: str = param(help="What the answer must not contain.", multiline=True)
    case_sensitive: bool = param(False, help=CASE)
    ignore_spacing: bool = param(True, help=SPACING)
    whole_words: bool = param(False, help=WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equals:
    """A text that is the whole answer."""

    text: str = param("", help=f"What the answer must be. {EMPTY}", multiline=True)
    case_sensitive: bool = param(False, help=CASE)
    ignore_spacing: bool = param(True, help=SPACING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsWith:
    """A text that the answer opens with."""

    text: str = param("", help=f"What the answer must begin with. {EMPTY}", multiline=True)
    case_sensitive: bool = param(False, help=CASE)
    ignore_spacing: bool = param(True, help=SPACING)
    whole_words: bool = param(False, help=WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """Several acceptable texts."""

    values: tuple[str, ...] = param(
        (), help="The acceptable texts, one per line. Left empty, each line of the test's expected answer is one."
    )
    match: str = param(
        "equals", choices=("equals", "contains", "starts with"), help="How the answer is held against each of them."
    )
    case_sensitive: bool = param(False, help=CASE)
    ignore_spacing: bool = param(True, help=SPACING)
    whole_words: bool = param(False, help=f"{WORDS} Has no effect on “equals”.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """A text to come close to."""

    text: str = param("", help=f"What the answer is compared with. {EMPTY}", multiline=True)
    method: str = param(
        "characters",
        choices=("characters", "words in any order"),
        help="Compare letter by letter as it stands, or after sorting the words.",
    )
    case_sensitive: bool = param(False, help=CASE)
    ignore_spacing: bool = param(True, help=SPACING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """A pattern in RE2's syntax: it takes time in proportion to the answer, whatever the pattern."""

    pattern: str = param(help="A regular expression in RE2 syntax: no back-references and no look-around.")
    full_match: bool = param(False, help="The whole answer must match, not only a part of it.")
    case_sensitive: bool = param(True, help=CASE)
    should_match: bool = param(True, help="Switched off, the check passes when the pattern does not match.")

    def compiled(self) -> "re2._Regexp":
        """The pattern ready to use. Raises re2.error."""
        options = re2.Options()
        options.case_sensitive = self.case_sensitive
        options.max_mem = _REGEX_MEMORY
        options.log_errors = False
        return re2.compile(self.pattern, options)

    def problems(self) -> Mapping[str, str]:
        """A pattern that RE2 cannot compile, with RE2's reason."""
        try:
            self.compiled()
        except re2.error as failure:
            why = failure.args[0] if failure.args else "syntax"
            why = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
            return {"pattern": f"RE2 cannot use this pattern: {why}."}
        return {}


def needs_reference_without_text(params: Contains | Equals | StartsWith | Similarity) -> frozenset[Need]:
    """The expected answer stands in for a text left empty."""
    return frozenset() if params.text.strip() else frozenset({Need.REFERENCE})


def needs_reference_without_values(params: OneOf) -> frozenset[Need]:
    """The expected answer stands in for values left empty."""
    return frozenset() if any(value.strip() for value in params.values) else frozenset({Need.REFERENCE})
