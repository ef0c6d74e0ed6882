"""What is kept for a moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.freshness import Fresh
from tests.waiting import until


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr("service.freshness.time.monotonic", told)
    return told


class Source:
    """Counts how often it was read, and reads no further while its gate is shut."""

    def __init__(self) -> None:
        self.readings = 0
        self.gate = threading.Event()
        self.gate.set()
        self.is_away = False

    def __call__(self) -> int:
        self.gate.wait(10)
        if self.is_away:
            raise ConnectionError
        self.readings += 1
        return self.readings


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def kept(clock: Clock, source: Source) -> Fresh[int]:
    """What was read just now, and is good for two seconds."""
    fresh = Fresh(source, seconds=2)
    assert not fresh.is_at_hand
    assert fresh.now() == 1
    return fresh


def test_it_is_read_once_while_it_is_young(clock: Clock, source: Source, kept: Fresh[int]) -> None:
    clock.seconds += 0.9
    assert kept.is_at_hand
    assert [kept.now() for _ in range(3)] == [1, 1, 1]
    assert source.readings == 1


def test_from_half_its_age_on_one_reads_and_nobody_waits(clock: Clock, source: Source, kept: Fresh[int]) -> None:
    source.gate.clear()
    clock.seconds += 1
    assert [kept.now() for _ in range(5)] == [1] * 5
    source.gate.set()
    until(lambda: kept.now() == 2, seconds=10)
    assert source.readings == 2


def test_when_it_is_too_old_all_wait_for_one_reading(clock: Clock, kept: Fresh[int]) -> None:
    clock.seconds += 2
    assert not kept.is_at_hand
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: kept.now(), range(8))) == [2] * 8


def test_a_source_that_is_away_is_told_only_to_who_must_wait(clock: Clock, source: Source, kept: Fresh[int]) -> None:
    source.is_away = True
    clock.seconds += 1
    assert kept.now() == 1
    until(lambda: not kept._reading.locked(), seconds=10)
    clock.seconds += 1
    with pytest.raises(ConnectionError):
        kept.now()
    source.is_away = False
    assert kept.now() == 2


def test_what_is_forgotten_is_not_taken_though_a_reading_was_on_its_way(
    clock: Clock, source: Source, kept: Fresh[int]
) -> None:
    source.gate.clear()
    clock.seconds += 1
    kept.now()
    forgetting = threading.Thread(target=kept.forget)
    forgetting.start()
    source.gate.set()
    forgetting.join()
    assert not kept.is_at_hand
    assert kept.now() == 3
