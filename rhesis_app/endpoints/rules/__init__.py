"""Pure decisions of endpoints: templates, mappings, curl, header rules, retries."""

from rhesis_app.endpoints.rules.curl import CurlProblem, CurlRequest, parse_curl
from rhesis_app.endpoints.rules.fields import (
    AUTH_KINDS,
    MAX_CONCURRENCY,
    METHODS,
    TIMEOUT_S,
    auth_headers,
    auth_problem,
    bounds_problem,
    carries_secret,
    header_problems,
    origin_of,
    url_problem,
)
from rhesis_app.endpoints.rules.mappings import (
    AnswerError,
    MappedAnswer,
    MappingProblem,
    ResponseMapping,
    compile_mapping,
    parse_json,
    read_answer,
    storable,
    storable_json,
)
from rhesis_app.endpoints.rules.presets import PRESETS, Preset
from rhesis_app.endpoints.rules.requests import encode_request
from rhesis_app.endpoints.rules.retry import RetryDecision, retry_decision
from rhesis_app.endpoints.rules.suggestions import SuggestedAuth, SuggestedEndpoint, endpoint_from_curl, suggest_mapping
from rhesis_app.endpoints.rules.templates import (
    RequestContext,
    Template,
    TemplateError,
    TemplateProblem,
    compile_template,
)

__all__ = [
    "AUTH_KINDS",
    "MAX_CONCURRENCY",
    "METHODS",
    "PRESETS",
    "TIMEOUT_S",
    "AnswerError",
    "CurlProblem",
    "CurlRequest",
    "MappedAnswer",
    "MappingProblem",
    "Preset",
    "RequestContext",
    "ResponseMapping",
    "RetryDecision",
    "SuggestedAuth",
    "SuggestedEndpoint",
    "Template",
    "TemplateError",
    "TemplateProblem",
    "auth_headers",
    "auth_problem",
    "bounds_problem",
    "carries_secret",
    "compile_mapping",
    "compile_template",
    "encode_request",
    "endpoint_from_curl",
    "header_problems",
    "origin_of",
    "parse_curl",
    "parse_json",
    "read_answer",
    "retry_decision",
    "storable",
    "storable_json",
    "suggest_mapping",
    "url_problem",
]
