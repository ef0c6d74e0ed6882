import asyncio
import gc
import os
import threading

import anyio
import numpy as np
import pytest

from models.digit_net import DigitNet, Drives
from service.computing import Computing, others_to_catch_up
from tests.waiting import until

PLACES = max(2, os.cpu_count() or 1)


@pytest.mark.parametrize("asked", [PLACES, 3 * PLACES])
def test_no_more_is_computed_at_once_than_there_are_cores(asked):
    at_once = 0
    most = 0
    lock, all_places_taken = threading.Lock(), threading.Barrier(PLACES, timeout=10)

    def compute() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        all_places_taken.wait()
        with lock:
            at_once -= 1

    async def ask() -> None:
        computing = Computing()
        async with anyio.create_task_group() as tasks:
            for _ in range(asked):
                tasks.start_soon(computing.run, compute)

    anyio.run(ask)
    assert most == PLACES


def test_what_fails_fails_where_it_was_asked_for():
    async def ask() -> None:
        await Computing().run(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        anyio.run(ask)


def test_what_came_together_goes_in_step():
    done: list[str] = []

    async def answer() -> None:
        for part in ("read", "computed", "told"):
            done.append(part)
            await others_to_catch_up()

    async def answers() -> None:
        await asyncio.gather(*(answer() for _ in range(3)))

    asyncio.run(answers())
    assert done == ["read"] * 3 + ["computed"] * 3 + ["told"] * 3


@pytest.fixture
def networks() -> list[DigitNet]:
    return [DigitNet.initialised(seed).requires_grad_(False) for seed in range(2)]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each pass has shown."""
    shown: list[int] = []
    show = DigitNet.drives_one_by_one

    def counted(network: DigitNet, images: np.ndarray) -> Drives:
        shown.append(len(images))
        return show(network, images)

    monkeypatch.setattr(DigitNet, "drives_one_by_one", counted)
    return shown


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 28, 28), np.float32)


def test_who_asks_at_once_shares_a_pass_and_gets_their_own_numbers_to_the_bit(networks, passes):
    computing = Computing()
    asked = [(networks[number % 2], images(1 + number % 3, number)) for number in range(7)]

    async def ask() -> list[Drives]:
        return await asyncio.gather(*(computing.drives(*each) for each in asked))

    answers = asyncio.run(ask())
    assert sorted(passes) == sorted(sum(len(shown) for network, shown in asked if network is each) for each in networks)
    for (network, shown), answer in zip(asked, answers, strict=True):
        alone = network.drives_one_by_one(shown)
        assert answer.keys() == alone.keys()
        for layer, drive in alone.items():
            np.testing.assert_array_equal(answer[layer], drive)


def test_who_asks_alone_waits_for_no_company(networks, passes):
    async def ask() -> None:
        answer = asyncio.create_task(Computing().drives(networks[0], images(1, 0)))
        for _ in range(3):  # the task begins, the pass is made, the task ends
            await asyncio.sleep(0)
        assert answer.done()

    asyncio.run(ask())
    assert passes == [1]


def test_what_fails_in_a_pass_fails_for_all_who_share_it_and_for_nobody_else(networks):
    shapeless = np.zeros((1, 28), np.float32)

    async def ask() -> list[Drives | BaseException]:
        computing = Computing()
        asked = ((networks[0], shapeless), (networks[1], images(1, 0)), (networks[0], shapeless))
        return await asyncio.gather(*(computing.drives(*each) for each in asked), return_exceptions=True)

    first, other, second = asyncio.run(ask())
    assert isinstance(first, Exception)
    assert first is second
    assert isinstance(other, dict)


def test_who_leaves_takes_nothing_from_the_others_of_the_pass(networks):
    async def ask() -> Drives:
        computing = Computing()
        leaving, staying = (asyncio.create_task(computing.drives(networks[0], images(1, seed))) for seed in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    drives = asyncio.run(ask())
    np.testing.assert_array_equal(drives["y"], networks[0].drives_one_by_one(images(1, 1))["y"])


def test_what_stays_is_not_looked_through_again_and_again():
    computing = Computing()
    until(lambda: computing.is_quick, 60)
    try:
        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        gc.unfreeze()
