"""What the worker does between the slices of a job."""

import pytest

from service.jobs import worker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)
    return clock


@pytest.mark.parametrize(("takes", "pause"), [(0.01, 1.0), (0.5, 10.0)])
def test_what_takes_long_is_done_more_rarely_a_twentieth_of_the_time_at_most(
    clock: Clock, takes: float, pause: float
) -> None:
    pace = worker._Pace(1.0)
    assert not pace.is_due
    clock.now = 1.0
    assert pace.is_due
    with pace.kept():
        clock.now += takes
    ended = clock.now
    clock.now = ended + 0.99 * pause
    assert not pace.is_due
    clock.now = ended + pause
    assert pace.is_due
