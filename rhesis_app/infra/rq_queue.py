"""The queue: RQ over Redis. A ring is a hint; what must happen stands in PostgreSQL."""

import logging
from collections.abc import Mapping
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from rhesis_app.kernel.jobs import JobSpec

PERFORM = "rhesis_app.worker.perform"
_log = logging.getLogger(__name__)


def connect_redis(url: str) -> Redis:
    """A client that gives up after half a second, so that a page never waits for a Redis that is away."""
    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5, health_check_interval=30)


class RqQueue:
    """Puts registered jobs on their queues; never raises, because the sweeper rings again what was not heard."""

    def __init__(self, redis: Redis, jobs: Mapping[str, JobSpec]) -> None:
        self.redis = redis
        self._jobs = jobs

    def enqueue(self, name: str, organization_id: UUID, ids: Mapping[str, str], timeout_s: int | None = None) -> None:
        """Ring for one job; the organization and ids are all that travels."""
        spec = self._jobs[name]
        try:
            queue = Queue(spec.queue, connection=self.redis, serializer=JSONSerializer)
            queue.enqueue_call(
                PERFORM,
                args=(name, str(organization_id), dict(ids)),
                timeout=timeout_s or spec.timeout_s,
                result_ttl=0,
                failure_ttl=3600,
                ttl=600,
            )
        except (RedisError, OSError):
            _log.warning("queue away, the sweeper will ring %s later", name)

    def waiting(self, queue: str) -> int | None:
        """How many jobs wait in `queue`; None while Redis is away."""
        try:
            return int(Queue(queue, connection=self.redis, serializer=JSONSerializer).count)
        except (RedisError, OSError):
            return None
