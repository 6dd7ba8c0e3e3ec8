"""What the application that is asked may do to a run."""

from benchmarks.faults.drill import Drill, Fault, Verdict, right
from benchmarks.faults.endpoint import ROUGH

_PAUSED = "SELECT extract(epoch FROM paused_until - now())::float8 AS left_s FROM endpoint_throttle WHERE endpoint_id = %(endpoint)s"


def _let_it_run(drill: Drill) -> None:
    drill.until_share(0.01)


def _rough(number: int, _items: int) -> frozenset[Verdict]:
    code = ROUGH.get(number % 100)
    return frozenset({("error", code)}) if code else right(number)


def _half(number: int, _items: int) -> frozenset[Verdict]:
    return right(number) | {("error", "http_5xx")}


def _half_fail(drill: Drill) -> None:
    drill.until(drill.has_ended, within_s=240)
    budget = max(10, drill.scale.items // 5)
    extra = drill.asked.counts()["calls"] - drill.scale.items
    drill.need(extra <= budget, f"{extra} retries, the run's budget is {budget}")


def _storm(drill: Drill) -> None:
    """In the middle of it a wait of years is asked for: it is capped, and ended by hand as somebody would on the page."""
    paused: list[float] = []

    def is_paused() -> bool:
        left = drill.site.eyes.ask(_PAUSED, endpoint=str(drill.world.endpoint_id))[0]["left_s"]
        paused[:] = [left or 0.0]
        return (left or 0.0) > 60

    drill.until(is_paused, within_s=60)
    drill.need(paused[0] <= 300, f"paused for {paused[0]:.0f} s, 300 are the most")
    answer = drill.site.call(
        "POST",
        f"/endpoints/{drill.world.endpoint_id}/throttle/reset",
        headers={"Authorization": drill.tenant.authorization},
    )
    drill.need(answer.status == 200, f"trying again by hand was answered {answer.status}")


ENDPOINT_FAULTS = (
    Fault(
        name="rough endpoint",
        says="of a hundred tests one each is hung, dripped, reset and cut at first, or answered with 1 GB, a gzip bomb, half a JSON"
        " and an endless body for good",
        strike=_let_it_run,
        behaviour="rough",
        verdicts=_rough,
    ),
    Fault(
        name="429 storm",
        says="for 15 s half of the calls are throttled, with `Retry-After` as seconds, a date, a past date, nonsense, negative, empty,"
        " none, and once as thirty years",
        strike=_storm,
        behaviour="storm",
    ),
    Fault(
        name="half 500s",
        says="every second call is answered with 500; what is past the run's budget of retries is an error `http_5xx`",
        strike=_half_fail,
        behaviour="half",
        verdicts=_half,
    ),
)
