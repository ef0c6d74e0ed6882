"""The pace of requests, by a clock of our own."""

import pytest

from service.pace import BURST_SECONDS, Pace
from service.principals import ANYBODY, Principal

ANNA, BEN = Principal("anna", "student"), Principal("ben", "student")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sent(pace: Pace, principal: Principal, requests: int) -> int:
    """How many of so many requests at once are let in."""
    return sum(pace.refusal(principal) is None for _ in range(requests))


def test_a_burst_is_let_in_and_then_the_pace_holds(clock: Clock) -> None:
    pace = Pace(60, clock)
    assert sent(pace, ANNA, 100) == BURST_SECONDS + 1
    clock.now += 5
    assert sent(pace, ANNA, 100) == 5
    clock.now += 3600
    assert sent(pace, ANNA, 100) == BURST_SECONDS + 1


def test_whoever_keeps_the_pace_is_never_refused(clock: Clock) -> None:
    pace = Pace(3600, clock)
    for _ in range(10_000):
        assert pace.refusal(ANNA) is None
        clock.now += 1 / 60 + 1e-9


def test_the_refusal_tells_exactly_when_the_next_request_is_let_in(clock: Clock) -> None:
    pace = Pace(60, clock)
    sent(pace, ANNA, 100)
    refusal = pace.refusal(ANNA)
    assert refusal is not None
    assert "60 requests a minute" in str(refusal)
    assert refusal.retry_after_seconds == pytest.approx(1)
    clock.now += 0.99
    assert pace.refusal(ANNA) is not None
    clock.now += 0.01 + 1e-6
    assert pace.refusal(ANNA) is None


def test_one_student_s_requests_are_not_another_s(clock: Clock) -> None:
    pace = Pace(60, clock)
    sent(pace, ANNA, 100)
    assert sent(pace, BEN, 5) == 5


def test_nobody_but_students_is_paced(clock: Clock) -> None:
    pace = Pace(1, clock)
    assert sent(pace, ANYBODY, 100) == sent(pace, Principal("anna", "lecturer"), 100) == 100


def test_zero_is_any_number(clock: Clock) -> None:
    assert sent(Pace(0, clock), ANNA, 1000) == 1000


def test_students_who_have_been_calm_are_forgotten(clock: Clock) -> None:
    pace = Pace(60, clock)
    for number in range(25_000):
        pace.refusal(Principal(f"student-{number}", "student"))
        clock.now += 0.01
    assert len(pace._in_time) <= 10_001
