"""Whether this process lives, whether it can work, and figures for an operator's monitoring."""

import hmac
from datetime import UTC, datetime

import orjson
from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from rhesis_app.kernel.errors import NotFound
from rhesis_app.web.scope import runtime

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Exactly status, database, redis and timestamp; 503 only when the database is away."""
    database, redis = _database_answers(), _redis_answers()
    status = "unhealthy" if not database else "healthy" if redis else "degraded"
    document = {
        "status": status,
        "database": "connected" if database else "disconnected",
        "redis": "connected" if redis else "disconnected",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    return Response(orjson.dumps(document), status=200 if database else 503, content_type="application/json")


@blueprint.get("/health/live")
def live() -> Response:
    """The process answers."""
    return Response(b'{"status":"live"}', content_type="application/json")


@blueprint.get("/health/ready")
def ready() -> Response:
    """The process can serve: the database answers."""
    answers = _database_answers()
    body = b'{"status":"ready"}' if answers else b'{"status":"waiting"}'
    return Response(body, status=200 if answers else 503, content_type="application/json")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus figures, for whoever has the operator's token; without a token set they do not exist."""
    expected, given = runtime().settings.metrics_token, request.headers.get("Authorization", "")
    if not expected or not hmac.compare_digest(given, f"Bearer {expected}"):
        raise NotFound("Set RHESIS_METRICS_TOKEN and send it as a bearer token.")
    return Response(_figures(), content_type=CONTENT_TYPE_LATEST)


def _figures() -> bytes:
    registry = CollectorRegistry()
    up = Gauge("rhesis_up", "1 while the part answers", ["part"], registry=registry)
    up.labels("database").set(_database_answers())
    up.labels("redis").set(_redis_answers())
    waiting = Gauge("rhesis_queue_waiting", "Jobs that wait, by queue", ["queue"], registry=registry)
    for queue in ("runs", "jobs"):
        waiting.labels(queue).set(runtime().queue.waiting(queue) or 0)
    return generate_latest(registry)


def _database_answers() -> bool:
    try:
        with runtime().engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(runtime().queue.redis.ping())
    except (RedisError, OSError):
        return False
