from typing import Any

import msgspec
import pytest

from benchmarks.census import Census, take_census
from benchmarks.soak import Sample, Soaked, is_flat

NOTHING = Census(
    rss_bytes=0, native_bytes=0, blocks=0, objects=0, tasks=2, threads=3, files=9, types={}
)


def soaked(*samples: dict[str, Any]) -> Soaked:
    """Return samples after each 100 sessions."""
    return Soaked(
        [
            Sample(100 * (at + 1), {"service": msgspec.structs.replace(NOTHING, **counted)})
            for at, counted in enumerate(samples)
        ]
    )


def test_the_slope_is_that_of_the_second_half() -> None:
    rising = soaked(*({"rss_bytes": size} for size in (0, 90_000, 100_000, 105_000, 110_000)))
    slope, error = rising.slope("service", "rss_bytes")
    assert slope == pytest.approx(50)
    assert error == pytest.approx(0)
    assert is_flat(rising)


def test_what_grows_by_more_than_it_may_is_not_flat() -> None:
    assert not is_flat(soaked(*({"native_bytes": 20_000 * at} for at in range(6))))
    assert not is_flat(soaked(*({"blocks": 100 * at} for at in range(6))))


def test_a_task_or_a_file_that_is_left_is_not_flat() -> None:
    assert is_flat(soaked({}, {}, {}))
    assert not is_flat(soaked({}, {}, {"tasks": 3}))
    assert not is_flat(soaked({}, {}, {"files": 10}))


def test_the_classes_that_grew_are_named() -> None:
    grown = soaked(*({"types": {"a.B": at, "a.C": 7}} for at in range(5)))
    assert grown.grown("service") == [("a.B", 2)]


async def test_a_census_counts_what_lives_here() -> None:
    before = take_census()
    kept = [Sample(0, {}) for _ in range(5)]
    after = take_census()
    assert (
        after.types["benchmarks.soak.Sample"] - before.types.get("benchmarks.soak.Sample", 0) == 5
    )
    assert after.tasks == before.tasks >= 1
    assert after.rss_bytes > after.native_bytes > 0
    assert len(kept) == 5
