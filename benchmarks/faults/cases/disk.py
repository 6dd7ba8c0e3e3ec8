"""A disk that is full, and is freed."""

from contextlib import suppress
from pathlib import Path

from benchmarks.faults.drill import Drill, Fault
from benchmarks.faults.site import Site

_DISK_MB = 256
_BLOCK = bytes(64 << 10)


def _small_disk(place: Path) -> Site:
    return Site(place, disk_mb=_DISK_MB)


def _full(drill: Drill) -> None:
    """Filled to the last block again and again, so that nothing that is deleted meanwhile makes room."""
    drill.until_share(0.3)
    ballast = drill.site.place / "data" / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for _ in range(int(drill.scale.pick(30, 6))):
            with suppress(OSError):
                while True:
                    file.write(_BLOCK)
            drill.pause(0.5)
    drill.need(ballast.stat().st_size > 1 << 20, "the disk was full before")
    ballast.unlink()
    drill.over()


DISK_FAULTS = (
    Fault(
        name="disk full",
        says="the disk under PostgreSQL and Redis is full for 15 s and then freed",
        strike=_full,
        site=_small_disk,
        is_alone=True,
        recovers_in_s=20,
    ),
)
